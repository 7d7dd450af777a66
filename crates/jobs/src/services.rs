//! The services that the routes need, and the router that is made of them.

use crate::job::Job;
use crate::paths::Paths;
use crate::settings::ResultKeys;
use crate::{bridge, callers, operator};
use axum::Router;
use axum::routing::{get, post};
use connectivity_domain::audit::AuditLog;
use connectivity_domain::holdings::Holdings;
use connectivity_domain::job::{
    Claim, Correlation, JobArchive, JobRegistry, JobStore, MessageId, Origin, Outbox, Question, Record, Requester,
};
use connectivity_domain::time::Timestamp;
use connectivity_edge::audit::Reader;
use connectivity_edge::guard::Guard;
use connectivity_edge::retention::Kept;
use connectivity_edge::token::Caller;
use connectivity_registry::RegistryFactory;
use connectivity_runtime::request_context::RequestContext;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;

/// How long after the end of its claim a request over HTTP is handed to the queue: its caller has
/// gone, or was asked to come back and did not.
const ENQUEUE_AFTER: Duration = Duration::from_mins(1);

/// The store of a job's records, and of who read them.
pub trait Records<Q: Question>:
    JobStore<Q> + JobArchive<Q> + Outbox<Q> + Holdings<Record = Record<Q>> + AuditLog + 'static
{
}

impl<Q, S> Records<Q> for S
where
    Q: Question,
    S: JobStore<Q> + JobArchive<Q> + Outbox<Q> + Holdings<Record = Record<Q>> + AuditLog + 'static,
{
}

/// The services that the routes of a job need.
pub struct Services<R, S> {
    /// Makes the registry that a request asks.
    pub registry: RegistryFactory<R>,
    /// The records.
    pub store: S,
    /// The records that are deleted when they are old.
    pub old_records: Vec<Kept>,
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
        subject: &str,
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
            requester: Requester { subject: Some(subject.to_owned()), request_id: Some(context.request_id.clone()) },
            trace: context.trace.clone(),
            at,
            until,
        }
    }

    /// Returns who reads a citizen's data in a request, for the audit log.
    pub(crate) fn reader(&self, caller: Caller, headers: &HeaderMap, context: &RequestContext) -> Reader {
        Reader::new(caller.subject, &self.guard, headers, context, (self.new_id)(), (self.now)())
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
        .route(&paths.citizen, get(operator::show::<J, R, S>).delete(operator::erase::<J, R, S>))
        .route(&paths.retention, post(bridge::expire::<R, S>))
        .route(&paths.deliveries, post(bridge::deliver::<J, R, S>))
        .route(&paths.batch, post(bridge::deliver_batch::<J, R, S>))
        .route(&paths.outbox, post(bridge::lease::<J, R, S>))
        .route(&paths.published, post(bridge::published::<J, R, S>))
        .with_state(Arc::new(services))
}
