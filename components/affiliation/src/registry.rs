//! The registry plugin behind the WIT, as the domain's port.

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
        world: "asks-citizens",
        path: "../../wit",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::connectivity::registry::citizens;
use bindings::connectivity::registry::types::{Cause as WitCause, Context, Error, Evidence as WitEvidence};
use connectivity_domain::check::{Affiliation, NoVerdict, Registry, RegistryError};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_kit::request::RequestContext;
use std::time::Duration;

/// The plugin, for one request whose trace it carries on.
#[derive(Clone, Default)]
pub(crate) struct Plugin {
    traceparent: Option<String>,
    tracestate: Option<String>,
}

impl Plugin {
    pub(crate) fn of(context: Option<&RequestContext>) -> Self {
        context.map_or_else(Self::default, |context| Self {
            traceparent: context.traceparent.clone(),
            tracestate: context.tracestate.clone(),
        })
    }
}

impl Registry for Plugin {
    async fn check(&self, citizen: &CitizenId) -> Result<Affiliation, RegistryError> {
        let context = Context { traceparent: self.traceparent.clone(), tracestate: self.tracestate.clone() };
        match citizens::check(citizen.as_str().to_owned(), context).await {
            Ok(citizens::Affiliation::None(it)) => Ok(Affiliation::None(evidence(it))),
            Ok(citizens::Affiliation::Affiliated(it)) => Ok(Affiliation::Affiliated(evidence(it))),
            Err(Error::Refused(it)) => Err(RegistryError::Refused(evidence(it))),
            Err(Error::Nonsense(it)) => Err(RegistryError::Nonsense(evidence(it))),
            Err(Error::Unavailable(none)) => Err(RegistryError::Unavailable(NoVerdict {
                cause: cause(none.cause),
                status: none.status,
                retry_after: Duration::from_millis(none.retry_after_ms),
                attempts: none.attempts,
            })),
        }
    }
}

fn evidence(evidence: WitEvidence) -> Evidence {
    Evidence { status: evidence.status, body: evidence.body }
}

fn cause(cause: WitCause) -> Cause {
    match cause {
        WitCause::Timeout => Cause::Timeout,
        WitCause::Connection => Cause::Connection,
        WitCause::Tls => Cause::Tls,
        WitCause::Overloaded => Cause::Overloaded,
        WitCause::BreakerOpen => Cause::BreakerOpen,
        WitCause::Misconfigured => Cause::Misconfigured,
    }
}
