//! The registry plugin behind the WIT, as the domain's ports. A component imports only the interfaces that it uses.

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
        world: "asks",
        path: "../../wit",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use crate::metrics;
use crate::request::RequestContext;
use crate::settings::Invalid;
use bindings::connectivity::registry::types::{Cause as WitCause, Context, Error, Evidence as WitEvidence};
use bindings::connectivity::registry::{citizens, documents};
use connectivity_domain::check::{Affiliation, Registry};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{Authenticity, DocumentRegistry, DocumentRequest};
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::verdict::{Cause, Evidence};
use std::time::{Duration, Instant};

/// The plugin, for one request whose trace it carries on.
#[derive(Clone)]
pub struct Plugin {
    traceparent: Option<String>,
    tracestate: Option<String>,
}

/// Are the settings of the plugin right which is asked about citizens?
pub async fn expect_citizens() -> Result<(), Invalid> {
    configured(citizens::configured().await)
}

/// Are the settings of the plugin right which is asked about documents?
pub async fn expect_documents() -> Result<(), Invalid> {
    configured(documents::configured().await)
}

fn configured(is_configured: bool) -> Result<(), Invalid> {
    let problem = || Invalid(vec!["the settings of the registry plugin are wrong: it says which".into()]);
    if is_configured { Ok(()) } else { Err(problem()) }
}

impl Plugin {
    /// The plugin, for the request with this context.
    pub fn of(context: &RequestContext) -> Self {
        Self { traceparent: context.traceparent.clone(), tracestate: context.tracestate.clone() }
    }

    fn context(&self) -> Context {
        Context { traceparent: self.traceparent.clone(), tracestate: self.tracestate.clone() }
    }
}

impl Registry for Plugin {
    async fn check(&self, citizen: &CitizenId) -> Result<Affiliation, RegistryError> {
        let started = Instant::now();
        let (outcome, answer) = match citizens::check(citizen.as_str().to_owned(), self.context()).await {
            Ok(citizens::Affiliation::None(it)) => ("none", Ok(Affiliation::None(evidence(it)))),
            Ok(citizens::Affiliation::Affiliated(it)) => ("affiliated", Ok(Affiliation::Affiliated(evidence(it)))),
            Err(none) => (failure(&none), Err(error(none))),
        };
        metrics::time(&metrics::REGISTRY, &["citizen", outcome], started.elapsed());
        answer
    }
}

impl DocumentRegistry for Plugin {
    async fn authenticate(&self, request: &DocumentRequest) -> Result<Authenticity, RegistryError> {
        let document = documents::Document {
            citizen_id: request.citizen.as_str().to_owned(),
            url: request.url.as_str().to_owned(),
            title: request.title.clone(),
        };
        let started = Instant::now();
        let (outcome, answer) = match documents::authenticate(document, self.context()).await {
            Ok(documents::Authenticity::Authenticated(it)) => {
                ("authenticated", Ok(Authenticity::Authenticated(evidence(it))))
            }
            Ok(documents::Authenticity::Rejected(it)) => ("rejected", Ok(Authenticity::Rejected(evidence(it)))),
            Err(none) => (failure(&none), Err(error(none))),
        };
        metrics::time(&metrics::REGISTRY, &["document", outcome], started.elapsed());
        answer
    }
}

/// What a call without an answer is counted as.
fn failure(error: &Error) -> &'static str {
    match error {
        Error::Refused(_) => "refused",
        Error::Nonsense(_) => "nonsense",
        Error::Unavailable(none) => match none.cause {
            WitCause::Timeout => "timeout",
            WitCause::Connection => "connection",
            WitCause::Tls => "tls",
            WitCause::Overloaded => "overloaded",
            WitCause::BreakerOpen => "breaker-open",
            WitCause::Misconfigured => "misconfigured",
        },
    }
}

fn error(error: Error) -> RegistryError {
    match error {
        Error::Refused(it) => RegistryError::Refused(evidence(it)),
        Error::Nonsense(it) => RegistryError::UnexpectedResponse(evidence(it)),
        Error::Unavailable(none) => RegistryError::Unavailable(NoVerdict {
            cause: cause(none.cause),
            status: none.status,
            retry_after: Duration::from_millis(none.retry_after_ms),
            attempts: none.attempts,
        }),
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
