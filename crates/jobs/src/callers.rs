//! The routes for callers.

use crate::job::Job;
use crate::preferences::{idempotency_key, prefers_async};
use crate::problems::{invalid, unfinished};
use crate::services::{Records, Services};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use connectivity_domain::audit::Action;
use connectivity_domain::job::{
    Claim, Claimed, JobRegistry, MessageId, Origin, Question, Record, RequestError, Status, Submission, Task,
    Unfinished, perform,
};
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::audit::Reader;
use connectivity_edge::guard::Route;
use connectivity_edge::history::{HistoryPage, HistoryQuery};
use connectivity_edge::json_body::{check_object, expect_json};
use connectivity_edge::path::in_path;
use connectivity_edge::problem::Problem;
use connectivity_edge::request_body::RequestBody;
use connectivity_edge::subject::with_record;
use connectivity_edge::token::Caller;
use connectivity_runtime::request_context::RequestContext;
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A request that has been accepted for the queue.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accepted<'a> {
    id: &'a str,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::pending))]
    status: &'static str,
}

/// Asks the registry and returns the finished record, or accepts the request for the queue.
pub(crate) async fn submit<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    let route = const { Route::new("submit", J::NAME) };
    let respond = async |caller: Caller| services.submit::<J>(&context, &caller.subject, &headers, body).await;
    services.guard.guarded(route, &headers, (services.now)(), respond).await
}

/// Lists the records of a citizen, newest first.
pub(crate) async fn history<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let route = const { Route::new("history", J::NAME) };
    let respond = |caller| services.history::<J>(services.reader(caller, &headers, &context), query.as_deref());
    services.guard.guarded(route, &headers, (services.now)(), respond).await
}

/// Shows a record.
pub(crate) async fn find<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    let route = const { Route::new("find", J::NAME) };
    let id = in_path(id);
    let respond = |caller| services.find::<J>(services.reader(caller, &headers, &context), &id);
    services.guard.guarded(route, &headers, (services.now)(), respond).await
}

impl<R, S> Services<R, S> {
    async fn submit<J: Job>(
        &self,
        context: &RequestContext,
        subject: &str,
        headers: &HeaderMap,
        body: RequestBody,
    ) -> Result<Response, Problem>
    where
        R: JobRegistry<J::Question> + 'static,
        S: Records<J::Question>,
    {
        let Submission { message_id, request } = read::<J>(headers, &body.read().await?)?;
        let key = idempotency_key(headers)?;
        let message_id = match (message_id, key) {
            (Some(_), Some(_)) => {
                let detail = "the request has a messageId and an Idempotency-Key: give only one of them";
                return Err(Problem::new(ProblemKind::InvalidRequest, detail).field("messageId"));
            }
            (Some(id), None) => id,
            (None, Some(key)) => MessageId::digest(format!("key:{subject}:{key}").as_bytes()),
            (None, None) => MessageId::digest((self.new_id)().as_bytes()),
        };
        let message_id = message_id.over_http(subject);
        if prefers_async(headers) {
            return self.enqueue::<J>(context, subject, message_id, request).await;
        }
        let claim = self.claim(context, subject, message_id, request, Origin::Http);
        let task = Task { claim, registry: (self.registry)(context, subject), give_up_after: None };
        let record = perform(&self.store, &task, self.now).await;
        Ok(shown::<J>(&record.map_err(|error| unfinished::<J>(&error))?))
    }

    /// Accepts a request for the queue: its record is pending, its claim ends at once, and it is
    /// due to be published.
    async fn enqueue<J: Job>(
        &self,
        context: &RequestContext,
        subject: &str,
        message_id: MessageId,
        request: J::Question,
    ) -> Result<Response, Problem>
    where
        S: Records<J::Question>,
    {
        let claim = self.claim(context, subject, message_id, request, Origin::Http);
        let claim = Claim { until: claim.at, enqueue_at: claim.at, ..claim };
        match self.store.claim(&claim).await? {
            Claimed::Acquired { id, .. } => Ok(accepted::<J>(&id)),
            Claimed::Finished(record) => Ok(shown::<J>(&record)),
            Claimed::InProgress(left) => Err(unfinished::<J>(&Unfinished::InProgress(left))),
            Claimed::MessageIdReused => Err(unfinished::<J>(&Unfinished::MessageIdReused)),
        }
    }

    async fn find<J: Job>(&self, reader: Reader, id: &str) -> Result<Response, Problem>
    where
        S: Records<J::Question>,
    {
        // Ids are written in lower case, and may be given in either case (RFC 9562 section 4).
        let found = self.store.find(&id.to_ascii_lowercase()).await?;
        let none = || Problem::new(ProblemKind::NotFound, "there is no record with this id");
        let found = found.ok_or_else(none)?;
        reader.note(&self.store, Action::RecordRead, found.request.citizen(), Some(&found.id)).await?;
        Ok(shown::<J>(&found))
    }

    async fn history<J: Job>(&self, reader: Reader, query: Option<&str>) -> Result<Response, Problem>
    where
        S: Records<J::Question>,
    {
        let query = HistoryQuery::parse(query, "id_citizen")?;
        let (count, records) = self.store.history(&query.citizen, query.page).await?;
        reader.note(&self.store, Action::HistoryRead, &query.citizen, None).await?;
        let results = records.iter().map(J::shown).collect();
        let path = format!("/api/v1/{}/history/", J::NAME);
        Ok(Json(HistoryPage::new(&path, &query, count, results)).into_response())
    }
}

/// Reads the body of a request over HTTP.
fn read<J: Job>(headers: &HeaderMap, body: &[u8]) -> Result<Submission<J::Question>, Problem> {
    expect_json(headers)?;
    Submission::parse(body).map_err(|error| match error {
        // The domain only says that the body is not what it should be. `check_object` says what it
        // is instead.
        RequestError::NotUtf8 | RequestError::NotAnObject | RequestError::Repeated(_) => {
            check_object(body).map_or_else(Problem::from, |()| invalid::<J>(&error))
        }
        RequestError::TooLong | RequestError::Field { .. } => invalid::<J>(&error),
    })
}

fn shown<J: Job>(record: &Record<J::Question>) -> Response {
    with_record(Json(J::shown(record)).into_response(), &record.id)
}

fn accepted<J: Job>(id: &str) -> Response {
    let location = format!("/api/v1/{}/{id}/", J::NAME);
    let body = Json(Accepted { id, status: Status::Pending.as_str() });
    (StatusCode::ACCEPTED, [(header::LOCATION, location), (PREFERENCE_APPLIED, "respond-async".to_owned())], body)
        .into_response()
}
