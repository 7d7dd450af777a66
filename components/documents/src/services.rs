//! What the routes need to answer one request, and what they have in common.

use crate::settings::RouteSettings;
use connectivity_domain::document::{Claim, DocumentArchive, DocumentRegistry, DocumentRequest, DocumentStore};
use connectivity_domain::document::{MessageId, Origin, Outbox, Unfinished};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_kit::guard::{Admitted, Guard, Route};
use connectivity_kit::problem::Problem;
use connectivity_kit::request::{Asking, RequestContext};
use http::HeaderMap;
use std::sync::Arc;

/// Everything that the store of these routes does.
pub(crate) trait Records: DocumentStore + DocumentArchive + Outbox + 'static {}

impl<S: DocumentStore + DocumentArchive + Outbox + 'static> Records for S {}

/// What the routes need to answer requests.
pub(crate) struct Services<R, S> {
    pub(crate) registry: Asking<R>,
    pub(crate) store: S,
    pub(crate) guard: Arc<Guard>,
    pub(crate) settings: Arc<RouteSettings>,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) new_id: fn() -> String,
}

impl<R: DocumentRegistry + 'static, S: Records> Services<R, S> {
    /// Lets a caller in, or says why not.
    pub(crate) async fn admit(&self, route: Route, headers: &HeaderMap) -> Result<Admitted, Problem> {
        self.guard.admit(route, headers, (self.now)()).await
    }

    /// A claim on a request, made now.
    pub(crate) fn claim(
        &self,
        context: &RequestContext,
        message_id: MessageId,
        request: DocumentRequest,
        origin: Origin,
    ) -> Claim {
        let at = (self.now)();
        Claim {
            id: (self.new_id)(),
            token: (self.new_id)(),
            message_id,
            request,
            origin,
            trace: context.trace.clone(),
            at,
            until: at.plus(self.settings.lease),
        }
    }
}

/// What the caller hears of a request that is not finished. Which server failed and how is not its affair.
pub(crate) fn unfinished(unfinished: &Unfinished) -> Problem {
    match unfinished {
        Unfinished::InProgress(left) => {
            Problem::new(ProblemKind::InProgress, "this request is in work: ask again later").retry_after(*left)
        }
        Unfinished::Different => {
            let detail = "this message id or idempotency key was used for another document: use a new one";
            Problem::new(ProblemKind::MessageIdReused, detail)
        }
        Unfinished::NoVerdict { cause: Some(_), retry_after } => {
            let detail =
                "the registry cannot be asked at the moment: nothing is known about the document, try again later";
            Problem::new(ProblemKind::RegistryUnavailable, detail).retry_after(*retry_after)
        }
        Unfinished::NoVerdict { cause: None, retry_after } => {
            let detail = "the registry gave an answer that is not in its contract: nothing is known about the document";
            Problem::new(ProblemKind::RegistryUnexpectedResponse, detail).retry_after(*retry_after)
        }
        Unfinished::NotRecorded => Problem::storage_unavailable(),
    }
}
