//! The services that the routes need, and what several routes do with them.

use crate::settings::RouteSettings;
use connectivity_domain::document::DocumentRequest;
use connectivity_domain::job::{Claim, JobArchive, JobRegistry, JobStore, MessageId, Origin, Outbox, Unfinished};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_edge::guard::Guard;
use connectivity_edge::problem::Problem;
use connectivity_registry::RegistryFactory;
use connectivity_runtime::request_context::RequestContext;
use std::sync::Arc;
use std::time::Duration;

/// The store of these routes.
pub(crate) trait Records:
    JobStore<DocumentRequest> + JobArchive<DocumentRequest> + Outbox<DocumentRequest> + 'static
{
}

impl<S> Records for S where
    S: JobStore<DocumentRequest> + JobArchive<DocumentRequest> + Outbox<DocumentRequest> + 'static
{
}

/// The services that the routes need.
pub(crate) struct Services<R, S> {
    pub(crate) registry: RegistryFactory<R>,
    pub(crate) store: S,
    pub(crate) guard: Arc<Guard>,
    pub(crate) settings: Arc<RouteSettings>,
    /// How long a claim lasts: longer than a call of the plugin and two statements take.
    pub(crate) lease: Duration,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) new_id: fn() -> String,
}

impl<R: JobRegistry<DocumentRequest> + 'static, S: Records> Services<R, S> {
    /// Creates a claim on a request that begins now.
    pub(crate) fn claim(
        &self,
        context: &RequestContext,
        message_id: MessageId,
        request: DocumentRequest,
        origin: Origin,
    ) -> Claim<DocumentRequest> {
        let at = (self.now)();
        Claim {
            id: (self.new_id)(),
            token: (self.new_id)(),
            message_id,
            request,
            origin,
            trace: context.trace.clone(),
            at,
            until: at.plus(self.lease),
        }
    }
}

/// Returns the problem that the caller sees. It does not say which server failed or how: the log
/// does.
pub(crate) fn problem(unfinished: &Unfinished) -> Problem {
    match unfinished {
        Unfinished::InProgress(left) => {
            let detail = "this request is in progress: repeat it after the seconds in Retry-After";
            Problem::new(ProblemKind::InProgress, detail).retry_after(*left)
        }
        Unfinished::MessageIdReused => {
            let detail = "this message id or idempotency key belongs to another document: use a new one";
            Problem::new(ProblemKind::MessageIdReused, detail)
        }
        Unfinished::NoVerdict { cause: Some(cause), retry_after } => {
            let detail = "the registry is not available: nothing is known about the document; try again later";
            Problem::new(ProblemKind::RegistryUnavailable, detail).without_verdict(*cause).retry_after(*retry_after)
        }
        Unfinished::NoVerdict { cause: None, retry_after } => {
            let detail = "the registry's response is not one of those that it documents: nothing is known about the \
                document; try again later";
            Problem::new(ProblemKind::RegistryUnexpectedResponse, detail).retry_after(*retry_after)
        }
        Unfinished::NotRecorded => Problem::storage_unavailable(),
    }
}
