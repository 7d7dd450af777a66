//! The translation between the domain's types and those of the WIT, one `match` each, without `_`.

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated; the documentation is in wit/registry.wit"
)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        world: "plugin",
        path: "../../wit",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use crate::call;
use bindings::connectivity::registry::types::{
    Cause as WitCause, Context, Error, Evidence as WitEvidence, Unavailable,
};
use bindings::exports::connectivity::registry::{citizens, documents};
use connectivity_domain::check::Affiliation;
use connectivity_domain::document::Authenticity;
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::verdict::{Cause, Evidence};
use http::{HeaderMap, HeaderName, HeaderValue};

struct Plugin;

impl citizens::Guest for Plugin {
    async fn configured() -> bool {
        call::is_configured().await
    }

    async fn check(citizen_id: String, context: Context) -> Result<citizens::Affiliation, Error> {
        match call::check(&citizen_id, &trace_headers(context)).await {
            Ok(Affiliation::None(it)) => Ok(citizens::Affiliation::None(evidence(it))),
            Ok(Affiliation::Affiliated(it)) => Ok(citizens::Affiliation::Affiliated(evidence(it))),
            Err(it) => Err(error(it)),
        }
    }
}

impl documents::Guest for Plugin {
    async fn configured() -> bool {
        call::is_configured().await
    }

    async fn authenticate(document: documents::Document, context: Context) -> Result<documents::Authenticity, Error> {
        let documents::Document { citizen_id, url, title } = document;
        match call::authenticate(&citizen_id, &url, &title, &trace_headers(context)).await {
            Ok(Authenticity::Authenticated(it)) => Ok(documents::Authenticity::Authenticated(evidence(it))),
            Ok(Authenticity::Rejected(it)) => Ok(documents::Authenticity::Rejected(evidence(it))),
            Err(it) => Err(error(it)),
        }
    }
}

/// Returns the trace context as the headers of a request. A value that cannot be a header is left
/// out.
fn trace_headers(context: Context) -> HeaderMap {
    let headers = [("traceparent", context.traceparent), ("tracestate", context.tracestate)];
    let headers = headers
        .into_iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::try_from(value?).ok()?)));
    headers.collect()
}

fn error(error: RegistryError) -> Error {
    match error {
        RegistryError::Refused(it) => Error::Refused(evidence(it)),
        RegistryError::UnexpectedResponse(it) => Error::Nonsense(evidence(it)),
        RegistryError::Unavailable(it) => Error::Unavailable(unavailable(&it)),
    }
}

fn evidence(evidence: Evidence) -> WitEvidence {
    WitEvidence { status: evidence.status, body: evidence.body }
}

fn unavailable(none: &NoVerdict) -> Unavailable {
    let cause = match none.cause {
        Cause::Timeout => WitCause::Timeout,
        Cause::Connection => WitCause::Connection,
        Cause::Tls => WitCause::Tls,
        Cause::Overloaded => WitCause::Overloaded,
        Cause::BreakerOpen => WitCause::BreakerOpen,
        Cause::Misconfigured => WitCause::Misconfigured,
    };
    let retry_after_ms = u64::try_from(none.retry_after.as_millis()).unwrap_or(u64::MAX);
    Unavailable { cause, status: none.status, retry_after_ms, attempts: none.attempts }
}

#[expect(unsafe_code, reason = "generated: the component's exported functions")]
mod export {
    use super::{Plugin, bindings};
    bindings::export!(Plugin with_types_in bindings);
}
