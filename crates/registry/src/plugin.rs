//! The plugin that the application was composed with. A component imports only the interfaces that
//! it uses.

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

use bindings::connectivity::registry::types::{Cause as WitCause, Context, Error, Evidence as WitEvidence};
use bindings::connectivity::registry::{citizens, documents};
use connectivity_domain::check::{Affiliation, Registry};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{Authenticity, DocumentRequest};
use connectivity_domain::job::JobRegistry;
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::trace::TraceContext;
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_runtime::metrics;
use connectivity_runtime::request_context::RequestContext;
use connectivity_runtime::settings::Invalid;
use std::time::{Duration, Instant};

/// The registry plugin, as one request asks it.
#[derive(Clone)]
pub struct Plugin {
    trace: Option<TraceContext>,
}

/// Fails if the settings of the plugin that is asked about citizens are invalid.
pub async fn expect_citizens() -> Result<(), Invalid> {
    configured(citizens::configured().await)
}

/// Fails if the settings of the plugin that is asked about documents are invalid.
pub async fn expect_documents() -> Result<(), Invalid> {
    configured(documents::configured().await)
}

fn configured(is_configured: bool) -> Result<(), Invalid> {
    let problem = || Invalid(vec!["the settings of the registry plugin are invalid: its log says which".into()]);
    if is_configured { Ok(()) } else { Err(problem()) }
}

impl Plugin {
    /// Creates the plugin for a request. Questions carry on the request's trace.
    pub fn new(context: &RequestContext) -> Self {
        Self { trace: context.trace.clone() }
    }

    fn context(&self) -> Context {
        let trace = self.trace.clone().map(|trace| (trace.traceparent, trace.tracestate));
        let (traceparent, tracestate) = trace.unzip();
        Context { traceparent, tracestate: tracestate.flatten() }
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

impl JobRegistry<DocumentRequest> for Plugin {
    async fn ask(&self, request: &DocumentRequest) -> Result<Authenticity, RegistryError> {
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

/// Returns the metric label of a failed call.
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
