//! The routes for callers. A plain function of the services that it is given.

use crate::internal;
#[cfg(not(target_family = "wasm"))]
use crate::openapi;
use crate::services::{Records, Services, unfinished};
use crate::wire::{self, HistoryQuery};
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use connectivity_domain::document::{
    Claimed, DocumentRegistry, MessageId, Origin, Submission, Unfinished, authenticate,
};
use connectivity_domain::page::Page;
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::registry::StoreError;
use connectivity_kit::guard::{Admitted, Route};
#[cfg(not(target_family = "wasm"))]
use connectivity_kit::openapi::Refusals;
use connectivity_kit::problem::Problem;
use connectivity_kit::request::{RequestContext, in_path};
use http::HeaderMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

const SUBMIT: Route = Route::new("submit", "documents");
const HISTORY: Route = Route::new("history", "documents");
const FIND: Route = Route::new("find", "documents");

/// How long a request that came over HTTP may stay pending after its claim is void. Then it is handed to the queue: its
/// caller has gone, or was told to come back and did not.
const PATIENCE: Duration = Duration::from_mins(1);

/// The routes of this component, without trailing slashes: `answer::route` has taken them off.
pub(crate) fn router<R, S>(services: Services<R, S>) -> Router
where
    R: DocumentRegistry + 'static,
    S: Records,
{
    Router::new()
        .route("/api/v1/documents/authenticate", post(submit::<R, S>))
        .route("/api/v1/documents/history", get(history::<R, S>))
        .route("/api/v1/documents/{id}", get(find::<R, S>))
        .merge(internal::routes())
        .with_state(Arc::new(services))
}

/// Answers who was let in, and refuses who was not.
pub(crate) async fn answer(
    admitted: Result<Admitted, Problem>,
    answer: impl Future<Output = Result<Response, Problem>>,
) -> Response {
    match admitted {
        Ok(admitted) => admitted.answer(answer.await),
        Err(refused) => refused.into_response(),
    }
}

/// Is this document authentic?
///
/// Asks the registry, and answers with the finished record. With `Prefer: respond-async` the request goes through the
/// queue instead, and the answer says where to look. With an `Idempotency-Key`, or a `messageId` in the body, it may be
/// repeated: the same key is the same request. Give one of the two, not both.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/api/v1/documents/authenticate/",
    operation_id = "authenticateDocument",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(openapi::RequestHeaders),
    request_body(content = openapi::RequestBody),
    responses(
        (status = 200, description = "The finished record; where the request was repeated, the one of its first time",
            body = wire::Record),
        (status = 202, description = "Accepted for the queue", body = wire::Accepted, headers(
            ("Location" = String, description = "Where the record is"),
            ("Preference-Applied" = String, description = "`respond-async`"),
        )),
        Refusals<openapi::Submit>,
    ),
))]
pub(crate) async fn submit<R: DocumentRegistry + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let admitted = services.admit(SUBMIT, &headers).await;
    let subject = admitted.as_ref().map(|admitted| admitted.caller.subject.clone()).unwrap_or_default();
    answer(admitted, services.submit(&context, &subject, &headers, &body)).await
}

/// The records of a citizen, the newest first.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/api/v1/documents/history/",
    operation_id = "listDocuments",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(HistoryQuery),
    responses(
        (status = 200, description = "A page of them", body = wire::HistoryAnswer),
        Refusals<openapi::History>,
    ),
))]
pub(crate) async fn history<R: DocumentRegistry + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Response {
    answer(services.admit(HISTORY, &headers).await, services.history(query)).await
}

/// One record.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/api/v1/documents/{id}/",
    operation_id = "showDocument",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(("id" = String, Path, description = "The record's `id`")),
    responses(
        (status = 200, description = "The record", body = wire::Record),
        Refusals<openapi::Find>,
    ),
))]
pub(crate) async fn find<R: DocumentRegistry + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    answer(services.admit(FIND, &headers).await, services.find(&in_path(id))).await
}

impl<R: DocumentRegistry + 'static, S: Records> Services<R, S> {
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
                let detail = "give the request one identity: messageId in the body, or Idempotency-Key";
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
        claim.origin = Origin::Http { hand_over: claim.until.plus(PATIENCE) };
        let record = authenticate(&(self.registry)(context), &self.store, &claim, false, self.now).await;
        Ok(wire::record(&record.map_err(|error| unfinished(&error))?))
    }

    /// Accepts a request for the queue: pending, nobody's, and due to be published.
    async fn enqueue(
        &self,
        context: &RequestContext,
        message_id: MessageId,
        request: connectivity_domain::document::DocumentRequest,
    ) -> Result<Response, Problem> {
        use connectivity_domain::document::DocumentStore;
        let mut claim = self.claim(context, message_id, request, Origin::Queue);
        claim.origin = Origin::Http { hand_over: claim.at };
        claim.until = claim.at;
        match DocumentStore::claim(&self.store, &claim).await {
            Ok(Claimed::Mine(id)) => Ok(wire::accepted(&id)),
            Ok(Claimed::Finished(record)) => Ok(wire::record(&record)),
            Ok(Claimed::InProgress(left)) => Err(unfinished(&Unfinished::InProgress(left))),
            Ok(Claimed::Different) => Err(unfinished(&Unfinished::Different)),
            Err(StoreError) => Err(Problem::storage_unavailable()),
        }
    }

    async fn find(&self, id: &str) -> Result<Response, Problem> {
        // Ids are written in lower case and read in either (RFC 9562 section 4).
        let found =
            self.store.find(&id.to_ascii_lowercase()).await.map_err(|StoreError| Problem::storage_unavailable())?;
        let none = || Problem::new(ProblemKind::NotFound, "there is no authentication with this id");
        Ok(wire::record(&found.ok_or_else(none)?))
    }

    async fn history(&self, query: Result<Query<HistoryQuery>, QueryRejection>) -> Result<Response, Problem> {
        let Query(query) = query.map_err(|_| {
            Problem::new(ProblemKind::InvalidRequest, "give id_citizen, page and page_size at most once each")
        })?;
        let citizen = wire::read_citizen(query.id_citizen.as_deref().unwrap_or_default())?;
        let page = Page::parse(query.page.as_deref(), query.page_size.as_deref())
            .map_err(|error| Problem::new(ProblemKind::InvalidRequest, error.to_string()))?;
        let found = self.store.history(&citizen, page).await;
        let (count, records) = found.map_err(|StoreError| Problem::storage_unavailable())?;
        Ok(wire::history(&citizen, page, count, &records))
    }
}
