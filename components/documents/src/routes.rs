//! The routes for callers, and the router of this component as a function of the services that it
//! needs.

use crate::internal;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::services::{Records, Services, problem};
use crate::wire;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use connectivity_domain::document::{DocumentRequest, Submission};
use connectivity_domain::job::{Claimed, JobRegistry, MessageId, Origin, Unfinished, perform};
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::guard::Route;
use connectivity_edge::history::HistoryQuery;
#[cfg(feature = "openapi")]
use connectivity_edge::openapi::ProblemResponses;
use connectivity_edge::path::in_path;
use connectivity_edge::problem::Problem;
use connectivity_edge::token::Caller;
use connectivity_runtime::request_context::RequestContext;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;

const SUBMIT: Route = Route::new("submit", "documents");
const HISTORY: Route = Route::new("history", "documents");
const FIND: Route = Route::new("find", "documents");

/// How long after the end of its claim a request that came over HTTP stays pending. Then it is
/// handed to the queue: its caller has gone, or was asked to come back and did not.
const ENQUEUE_AFTER: Duration = Duration::from_mins(1);

/// Returns the routes. Their paths are without trailing slashes: the server strips those from
/// requests.
pub(crate) fn router<R, S>(services: Services<R, S>) -> Router
where
    R: JobRegistry<DocumentRequest> + 'static,
    S: Records,
{
    Router::new()
        .route("/api/v1/documents/authenticate", post(submit::<R, S>))
        .route("/api/v1/documents/history", get(history::<R, S>))
        .route("/api/v1/documents/{id}", get(find::<R, S>))
        .merge(internal::routes())
        .with_state(Arc::new(services))
}

/// Is this document authentic?
///
/// Asks the registry and returns the finished record. With `Prefer: respond-async` the request goes
/// through the queue instead, and the response says where the record is. With an `Idempotency-Key`,
/// or a `messageId` in the body, the request can be repeated: requests with the same key are one
/// request. Give one of the two, not both.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/documents/authenticate/",
    operation_id = "authenticateDocument",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(schema::RequestHeaders),
    request_body(content = schema::RequestBody),
    responses(
        (status = 200, description = "The finished record. If the request is a repetition, the record of the first one",
            body = wire::Record),
        (status = 202, description = "Accepted for the queue", body = wire::Accepted, headers(
            ("Location" = String, description = "The path of the record"),
            ("Preference-Applied" = String, description = "`respond-async`"),
        )),
        ProblemResponses<schema::SubmitProblems>,
    ),
))]
pub(crate) async fn submit<R: JobRegistry<DocumentRequest> + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let respond = async |caller: Caller| services.submit(&context, &caller.subject, &headers, &body).await;
    services.guard.guarded(SUBMIT, &headers, (services.now)(), respond).await
}

/// Lists the records of a citizen, newest first.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/v1/documents/history/",
    operation_id = "listDocuments",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(schema::HistoryParameters),
    responses(
        (status = 200, description = "A page of records", body = wire::DocumentHistory),
        ProblemResponses<schema::HistoryProblems>,
    ),
))]
pub(crate) async fn history<R: JobRegistry<DocumentRequest> + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let respond = |_| services.history(query.as_deref());
    services.guard.guarded(HISTORY, &headers, (services.now)(), respond).await
}

/// Shows a record.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/v1/documents/{id}/",
    operation_id = "showDocument",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(("id" = String, Path, description = "The record's `id`")),
    responses(
        (status = 200, description = "The record", body = wire::Record),
        ProblemResponses<schema::FindProblems>,
    ),
))]
pub(crate) async fn find<R: JobRegistry<DocumentRequest> + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    let id = in_path(id);
    services.guard.guarded(FIND, &headers, (services.now)(), |_| services.find(&id)).await
}

impl<R: JobRegistry<DocumentRequest> + 'static, S: Records> Services<R, S> {
    async fn submit(
        &self,
        context: &RequestContext,
        subject: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response, Problem> {
        let Submission { message_id, request } = wire::read_request(headers, body)?;
        let key = wire::idempotency_key(headers)?;
        let message_id = match (message_id, key) {
            (Some(_), Some(_)) => {
                let detail = "the request has a messageId and an Idempotency-Key: give only one of them";
                return Err(Problem::new(ProblemKind::InvalidRequest, detail).field("messageId"));
            }
            (Some(id), None) => id,
            (None, Some(key)) => MessageId::digest(format!("key:{subject}:{key}").as_bytes()),
            (None, None) => MessageId::digest((self.new_id)().as_bytes()),
        };
        if wire::prefers_async(headers) {
            return self.enqueue(context, message_id, request).await;
        }
        let mut claim = self.claim(context, message_id, request, Origin::Queue);
        claim.origin = Origin::Http { enqueue_at: claim.until.plus(ENQUEUE_AFTER) };
        let record = perform(&(self.registry)(context, subject), &self.store, &claim, false, self.now).await;
        Ok(wire::record(&record.map_err(|error| problem(&error))?))
    }

    /// Accepts a request for the queue: its record is pending, its claim ends at once, and it is
    /// due to be published.
    async fn enqueue(
        &self,
        context: &RequestContext,
        message_id: MessageId,
        request: DocumentRequest,
    ) -> Result<Response, Problem> {
        let mut claim = self.claim(context, message_id, request, Origin::Queue);
        claim.origin = Origin::Http { enqueue_at: claim.at };
        claim.until = claim.at;
        match self.store.claim(&claim).await? {
            Claimed::Acquired { id, .. } => Ok(wire::accepted(&id)),
            Claimed::Finished(record) => Ok(wire::record(&record)),
            Claimed::InProgress(left) => Err(problem(&Unfinished::InProgress(left))),
            Claimed::MessageIdReused => Err(problem(&Unfinished::MessageIdReused)),
        }
    }

    async fn find(&self, id: &str) -> Result<Response, Problem> {
        // Ids are written in lower case, and may be given in either case (RFC 9562 section 4).
        let found = self.store.find(&id.to_ascii_lowercase()).await?;
        let none = || Problem::new(ProblemKind::NotFound, "there is no record with this id");
        Ok(wire::record(&found.ok_or_else(none)?))
    }

    async fn history(&self, query: Option<&str>) -> Result<Response, Problem> {
        let query = HistoryQuery::parse(query, "id_citizen")?;
        let (count, records) = self.store.history(&query.citizen, query.page).await?;
        Ok(wire::history(&query, count, &records))
    }
}
