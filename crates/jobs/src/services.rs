//! The services that the routes need, and the router that is made of them.

use crate::job::Job;
use crate::paths::Paths;
use crate::settings::ResultKeys;
use crate::{bridge, callers};
use axum::Router;
use axum::routing::{get, post};
use connectivity_domain::job::{
    Claim, Correlation, JobArchive, JobRegistry, JobStore, MessageId, Origin, Outbox, Question,
};
use connectivity_domain::time::Timestamp;
use connectivity_edge::guard::Guard;
use connectivity_registry::RegistryFactory;
use connectivity_runtime::request_context::RequestContext;
use std::sync::Arc;
use std::time::Duration;

/// How long after the end of its claim a request over HTTP is handed to the queue: its caller has
/// gone, or was asked to come back and did not.
const ENQUEUE_AFTER: Duration = Duration::from_mins(1);

/// The store of a job's records.
pub trait Records<Q: Question>: JobStore<Q> + JobArchive<Q> + Outbox<Q> + 'static {}

impl<Q: Question, S: JobStore<Q> + JobArchive<Q> + Outbox<Q> + 'static> Records<Q> for S {}

/// The services that the routes of a job need.
pub struct Services<R, S> {
    /// Makes the registry that a request asks.
    pub registry: RegistryFactory<R>,
    /// The records.
    pub store: S,
    /// The guard of the component.
    pub guard: Arc<Guard>,
    /// The routing keys of results.
    pub keys: ResultKeys,
    /// How long a claim lasts: longer than a call of the plugin and two statements take.
    pub lease: Duration,
    /// How long after the end of its claim a request from the queue is handed to the queue again:
    /// longer than the bridge delays a message.
    pub requeue_after: Duration,
    /// Returns the present time.
    pub now: fn() -> Timestamp,
    /// Returns a new unique id.
    pub new_id: fn() -> String,
}

impl<R, S> Services<R, S> {
    /// Creates a claim on a request that begins now.
    pub(crate) fn claim<Q>(
        &self,
        context: &RequestContext,
        message_id: MessageId,
        request: Q,
        origin: Origin,
    ) -> Claim<Q> {
        let at = (self.now)();
        let until = at.plus(self.lease);
        let enqueue_after = match origin {
            Origin::Queue => self.requeue_after,
            Origin::Http => ENQUEUE_AFTER,
        };
        Claim {
            id: (self.new_id)(),
            token: (self.new_id)(),
            message_id,
            request,
            origin,
            enqueue_at: until.plus(enqueue_after),
            correlation: Correlation::default(),
            trace: context.trace.clone(),
            at,
            until,
        }
    }
}

/// Returns the routes of a job.
pub fn router<J, R, S>(services: Services<R, S>) -> Router
where
    J: Job,
    R: JobRegistry<J::Question> + 'static,
    S: Records<J::Question>,
{
    let paths = Paths::new(J::NAME, J::ACTION);
    Router::new()
        .route(&paths.submit, post(callers::submit::<J, R, S>))
        .route(&paths.history, get(callers::history::<J, R, S>))
        .route(&paths.find, get(callers::find::<J, R, S>))
        .route(&paths.deliveries, post(bridge::deliver::<J, R, S>))
        .route(&paths.outbox, post(bridge::lease::<J, R, S>))
        .route(&paths.published, post(bridge::published::<J, R, S>))
        .with_state(Arc::new(services))
}
