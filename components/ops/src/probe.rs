//! The health checks of what the service depends on, behind a port.

use crate::metrics::OutboxDepth;
use connectivity_domain::breaker::Condition;
use connectivity_edge::config_state::Report;
use std::future::Future;
use std::time::Duration;

/// The result of one health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbeResult {
    /// `up` or `down`, for the database also `outdated` or `unwritable`, for the cache also
    /// `degraded`.
    pub(crate) status: &'static str,
    /// What an operator has to do, if the check found it out.
    pub(crate) reason: Option<String>,
    /// How long the check took.
    pub(crate) latency: Duration,
}

/// Checks the database, the cache and the other components.
pub(crate) trait HealthProbe: Clone + Send + Sync + 'static {
    /// Checks that records can be written to the database.
    fn database(&self) -> impl Future<Output = ProbeResult> + Send;

    /// Checks that the cache responds and runs scripts. If it responds, also returns the state of the
    /// registry's circuit breaker.
    fn cache(&self) -> impl Future<Output = (ProbeResult, Option<Condition>)> + Send;

    /// Asks a component whether its settings are valid and what has failed it lately.
    fn report(&self, component: &'static str) -> impl Future<Output = Report> + Send;

    /// Returns the recorded metrics, or `None` if the cache does not respond.
    fn counts(&self) -> impl Future<Output = Option<Vec<(String, u64)>>> + Send;

    /// Returns the depth of the outbox, or `None` if the database does not respond.
    fn outbox(&self) -> impl Future<Output = Option<OutboxDepth>> + Send;
}
