//! From the types of the WIT to those of the domain, one `match` each, without `_`.

use crate::bindings::types::{
    Cause as WitCause, Error, Evidence as WitEvidence, TraceContext as WitTrace, Unavailable,
};
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::trace::TraceContext;
use connectivity_domain::verdict::{Cause, Evidence};
use std::time::Duration;

/// Translates why a question that may be repeated has no verdict.
pub fn error(error: Error) -> RegistryError {
    match error {
        Error::Refused(it) => RegistryError::Refused(evidence(it)),
        Error::UnexpectedResponse(it) => RegistryError::UnexpectedResponse(evidence(it)),
        Error::Unavailable(it) => RegistryError::Unavailable(no_verdict(&it)),
    }
}

/// Translates the evidence of a verdict.
pub fn evidence(evidence: WitEvidence) -> Evidence {
    Evidence { status: evidence.status, body: evidence.body }
}

pub(crate) fn trace(trace: TraceContext) -> WitTrace {
    WitTrace { traceparent: trace.traceparent, tracestate: trace.tracestate }
}

fn no_verdict(unavailable: &Unavailable) -> NoVerdict {
    let cause = match unavailable.cause {
        WitCause::Timeout => Cause::Timeout,
        WitCause::Connection => Cause::Connection,
        WitCause::Tls => Cause::Tls,
        WitCause::Overloaded => Cause::Overloaded,
        WitCause::Misconfigured => Cause::Misconfigured,
    };
    NoVerdict {
        cause,
        status: unavailable.status,
        retry_after: Duration::from_millis(unavailable.retry_after_ms),
        attempts: unavailable.attempts,
    }
}
