//! The plugin that the application was composed with, as ports of the domain.

use crate::bindings::types::QuestionContext;
use crate::bindings::{citizens, documents};
use crate::breaker::{Breaker, Permission};
use crate::configure::PluginInfo;
use crate::translate::{error, evidence, trace};
use connectivity_domain::check::{Affiliation, Registry};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{Authenticity, DocumentRequest};
use connectivity_domain::job::JobRegistry;
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::trace::TraceContext;
use connectivity_domain::verdict::Cause;
use connectivity_runtime::deadline::timeout_detached;
use connectivity_runtime::metrics;
use connectivity_runtime::request_context::RequestContext;
use connectivity_storage::cache::Cache;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much longer than it promised a plugin may take before its call is abandoned.
const GRACE: Duration = Duration::from_secs(1);

/// When to ask again after a plugin did not keep its deadline.
const OVERDUE_RETRY_AFTER: Duration = Duration::from_secs(5);

/// A configured plugin with its circuit breaker. A component keeps it in a static: it holds no
/// request's data.
pub struct Plugin {
    breaker: Breaker,
    call_timeout: Duration,
}

/// The plugin, as one request asks it.
#[derive(Clone)]
pub struct PluginCall {
    plugin: Arc<Plugin>,
    trace: Option<TraceContext>,
    subject: String,
}

impl Plugin {
    /// Creates the asking side of a configured plugin. The state of its breaker is shared through
    /// `cache`.
    pub fn new(info: &PluginInfo, cache: Arc<Cache>) -> Arc<Self> {
        Arc::new(Self { breaker: Breaker::new(&info.name, cache), call_timeout: info.call_timeout })
    }

    /// Creates the port for a request of this subject. Its questions carry on the request's trace.
    pub fn for_request(self: &Arc<Self>, context: &RequestContext, subject: &str) -> PluginCall {
        PluginCall { plugin: Arc::clone(self), trace: context.trace.clone(), subject: subject.to_owned() }
    }
}

impl PluginCall {
    /// Asks about a citizen, if the breaker permits it, and reports to the breaker whether the
    /// registry answered.
    async fn ask<V, F>(
        &self,
        citizen: &CitizenId,
        question: impl FnOnce(QuestionContext) -> F,
    ) -> Result<V, RegistryError>
    where
        V: Send + 'static,
        F: Future<Output = Result<V, RegistryError>> + Send + 'static,
    {
        let no_verdict = |cause, retry_after, attempts| {
            RegistryError::Unavailable(NoVerdict { cause, status: None, retry_after, attempts })
        };
        let Plugin { breaker, call_timeout } = &*self.plugin;
        let permission = breaker.permit(&self.subject).await;
        let permission = permission.map_err(|retry_after| no_verdict(Cause::BreakerOpen, retry_after, 0))?;
        let single_attempt = permission == Permission::Probe;
        let context = QuestionContext { trace: self.trace.clone().map(trace), single_attempt };
        // The call is not dropped in the middle: it may hold an open request of the host.
        let answer = timeout_detached(*call_timeout + GRACE, question(context)).await;
        let answer = answer.unwrap_or_else(|| Err(no_verdict(Cause::Timeout, OVERDUE_RETRY_AFTER, 1)));
        breaker.report(permission, &self.subject, citizen.as_str(), &answer).await;
        answer
    }
}

impl Registry for PluginCall {
    async fn check(&self, citizen: &CitizenId) -> Result<Affiliation, RegistryError> {
        let id = citizen.as_str().to_owned();
        let started = Instant::now();
        let question = |context| async {
            match citizens::check(id, context).await {
                Ok(citizens::Affiliation::None(it)) => Ok(Affiliation::None(evidence(it))),
                Ok(citizens::Affiliation::Affiliated(it)) => Ok(Affiliation::Affiliated(evidence(it))),
                Err(it) => Err(error(it)),
            }
        };
        let answer = self.ask(citizen, question).await;
        let outcome = match &answer {
            Ok(Affiliation::None(_)) => "none",
            Ok(Affiliation::Affiliated(_)) => "affiliated",
            Err(error) => failure(error),
        };
        metrics::time(&metrics::REGISTRY, &["citizen", outcome], started.elapsed());
        answer
    }
}

impl JobRegistry<DocumentRequest> for PluginCall {
    async fn ask(&self, request: &DocumentRequest) -> Result<Authenticity, RegistryError> {
        let document = documents::Document {
            citizen_id: request.citizen.as_str().to_owned(),
            url: request.url.as_str().to_owned(),
            title: request.title.clone(),
        };
        let started = Instant::now();
        let question = |context| async {
            match documents::authenticate(document, context).await {
                Ok(documents::Authenticity::Authenticated(it)) => Ok(Authenticity::Authenticated(evidence(it))),
                Ok(documents::Authenticity::Rejected(it)) => Ok(Authenticity::Rejected(evidence(it))),
                Err(it) => Err(error(it)),
            }
        };
        let answer = self.ask(&request.citizen, question).await;
        let outcome = match &answer {
            Ok(Authenticity::Authenticated(_)) => "authenticated",
            Ok(Authenticity::Rejected(_)) => "rejected",
            Err(error) => failure(error),
        };
        metrics::time(&metrics::REGISTRY, &["document", outcome], started.elapsed());
        answer
    }
}

/// Returns the metric label of a call without a verdict.
fn failure(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::Refused(_) => "refused",
        RegistryError::UnexpectedResponse(_) => "nonsense",
        RegistryError::Unavailable(none) => match none.cause {
            Cause::Timeout => "timeout",
            Cause::Connection => "connection",
            Cause::Tls => "tls",
            Cause::Overloaded => "overloaded",
            Cause::BreakerOpen => "breaker-open",
            Cause::Misconfigured => "misconfigured",
        },
    }
}
