//! The plugin that the application was composed with, as ports of the domain.

use crate::bindings::citizens;
use crate::bindings::types::QuestionContext;
use crate::breaker::{Breaker, Permission};
use crate::configure::PluginInfo;
use crate::deadline::RequestDeadline;
use crate::translate::{error, evidence, trace};
use connectivity_domain::check::{Affiliation, Registry};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::trace::TraceContext;
use connectivity_domain::verdict::Cause;
use connectivity_runtime::deadline::timeout_detached;
use connectivity_runtime::request_context::RequestContext;
use connectivity_runtime::{instant, metrics};
use connectivity_storage::cache::Cache;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How much longer than it promised a plugin may take before its call is abandoned.
const GRACE: Duration = Duration::from_secs(1);

/// When to ask again after a plugin or a request did not keep its deadline.
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
    deadline: RequestDeadline,
}

impl Plugin {
    /// Creates the asking side of a configured plugin. The state of its breaker is shared through
    /// `cache`.
    pub fn new(info: &PluginInfo, cache: Arc<Cache>) -> Arc<Self> {
        Arc::new(Self { breaker: Breaker::new(&info.name, cache), call_timeout: info.call_timeout })
    }

    /// Creates the port for a request of this subject. Its questions carry on the request's trace.
    pub fn for_request(self: &Arc<Self>, context: &RequestContext, subject: &str) -> PluginCall {
        let (trace, subject) = (context.trace.clone(), subject.to_owned());
        PluginCall { plugin: Arc::clone(self), trace, subject, deadline: RequestDeadline::default() }
    }
}

impl PluginCall {
    /// Asks about a citizen, if the breaker permits it, and reports to the breaker whether the
    /// registry answered. The call is timed in the metrics under the name of the question and the
    /// outcome; `outcome` names that of a verdict.
    pub async fn ask<V, F>(
        &self,
        name: &str,
        citizen: &CitizenId,
        outcome: impl FnOnce(&V) -> &'static str,
        question: impl FnOnce(QuestionContext) -> F,
    ) -> Result<V, RegistryError>
    where
        V: Send + 'static,
        F: Future<Output = Result<V, RegistryError>> + Send + 'static,
    {
        let started = instant();
        let answer = self.guarded(citizen, question).await;
        let outcome = answer.as_ref().map_or_else(failure, outcome);
        metrics::time(&metrics::REGISTRY, &[name, outcome], instant() - started);
        answer
    }

    /// Asks, if the breaker permits it, and reports to the breaker whether the registry answered.
    async fn guarded<V, F>(
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
        let call_timeout = *call_timeout + GRACE;
        let limit = self.deadline.limit(call_timeout, instant());
        let limit = limit.ok_or_else(|| no_verdict(Cause::Timeout, OVERDUE_RETRY_AFTER, 0))?;
        let permission = breaker.permit(&self.subject).await;
        let permission = permission.map_err(|retry_after| no_verdict(Cause::BreakerOpen, retry_after, 0))?;
        let single_attempt = permission == Permission::Probe;
        let context = QuestionContext { trace: self.trace.clone().map(trace), single_attempt };
        // The call is not dropped in the middle: it may hold an open request of the host.
        let answer = timeout_detached(limit, question(context)).await;
        // A call that the deadline of the request has cut short says nothing about the registry.
        let attempts = u32::from(limit == call_timeout);
        let answer = answer.unwrap_or_else(|| Err(no_verdict(Cause::Timeout, OVERDUE_RETRY_AFTER, attempts)));
        breaker.report(permission, &self.subject, citizen.as_str(), &answer).await;
        answer
    }
}

impl Registry for PluginCall {
    async fn check(&self, citizen: &CitizenId) -> Result<Affiliation, RegistryError> {
        let id = citizen.as_str().to_owned();
        let outcome = |affiliation: &Affiliation| match affiliation {
            Affiliation::None(_) => "none",
            Affiliation::Affiliated(_) => "affiliated",
        };
        let question = |context| async {
            match citizens::check(id, context).await {
                Ok(citizens::Affiliation::None(it)) => Ok(Affiliation::None(evidence(it))),
                Ok(citizens::Affiliation::Affiliated(it)) => Ok(Affiliation::Affiliated(evidence(it))),
                Err(it) => Err(error(it)),
            }
        };
        self.ask("citizen", citizen, outcome, question).await
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
