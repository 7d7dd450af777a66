//! The boundary: from the plugin's own types to those of the WIT, one `match` each, without `_`.

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

use crate::call::{self, NoVerdict, Outcome, Trace};
use bindings::connectivity::registry::types::{
    Cause as WitCause, Context, Error, Evidence as WitEvidence, Unavailable,
};
use bindings::exports::connectivity::registry::{citizens, documents};
use connectivity_domain::http_registry::{CitizenAnswer, DocumentAnswer};
use connectivity_domain::verdict::{Cause, Evidence};

struct Plugin;

impl citizens::Guest for Plugin {
    async fn configured() -> bool {
        call::is_configured().await
    }

    async fn check(citizen_id: String, context: Context) -> Result<citizens::Affiliation, Error> {
        match call::check(&citizen_id, &trace(context)).await {
            Outcome::Final(CitizenAnswer::None(evidence)) => Ok(citizens::Affiliation::None(wit(evidence))),
            Outcome::Final(CitizenAnswer::Affiliated(evidence)) => Ok(citizens::Affiliation::Affiliated(wit(evidence))),
            Outcome::Final(CitizenAnswer::Refused(evidence)) => Err(Error::Refused(wit(evidence))),
            Outcome::Final(CitizenAnswer::Nonsense(evidence)) => Err(Error::Nonsense(wit(evidence))),
            Outcome::Final(CitizenAnswer::Later { cause, status, retry_after }) => Err(unavailable(&NoVerdict {
                cause,
                status,
                retry_after: retry_after.unwrap_or_default(),
                attempts: 1,
            })),
            Outcome::None(none) => Err(unavailable(&none)),
        }
    }
}

impl documents::Guest for Plugin {
    async fn configured() -> bool {
        call::is_configured().await
    }

    async fn authenticate(document: documents::Document, context: Context) -> Result<documents::Authenticity, Error> {
        let documents::Document { citizen_id, url, title } = document;
        match call::authenticate(&citizen_id, &url, &title, &trace(context)).await {
            Outcome::Final(DocumentAnswer::Authenticated(evidence)) => {
                Ok(documents::Authenticity::Authenticated(wit(evidence)))
            }
            Outcome::Final(DocumentAnswer::Rejected(evidence)) => Ok(documents::Authenticity::Rejected(wit(evidence))),
            Outcome::Final(DocumentAnswer::Nonsense(evidence)) => Err(Error::Nonsense(wit(evidence))),
            Outcome::Final(DocumentAnswer::Later { cause, status, retry_after }) => Err(unavailable(&NoVerdict {
                cause,
                status,
                retry_after: retry_after.unwrap_or_default(),
                attempts: 1,
            })),
            Outcome::None(none) => Err(unavailable(&none)),
        }
    }
}

fn trace(context: Context) -> Trace {
    Trace { traceparent: context.traceparent, tracestate: context.tracestate }
}

fn wit(evidence: Evidence) -> WitEvidence {
    WitEvidence { status: evidence.status, body: evidence.body }
}

fn unavailable(none: &NoVerdict) -> Error {
    let cause = match none.cause {
        Cause::Timeout => WitCause::Timeout,
        Cause::Connection => WitCause::Connection,
        Cause::Tls => WitCause::Tls,
        Cause::Overloaded => WitCause::Overloaded,
        Cause::BreakerOpen => WitCause::BreakerOpen,
        Cause::Misconfigured => WitCause::Misconfigured,
    };
    let retry_after_ms = u64::try_from(none.retry_after.as_millis()).unwrap_or(u64::MAX);
    Error::Unavailable(Unavailable { cause, status: none.status, retry_after_ms, attempts: none.attempts })
}

#[expect(unsafe_code, reason = "generated: the component's exported functions")]
mod export {
    use super::{Plugin, bindings};
    bindings::export!(Plugin with_types_in bindings);
}
