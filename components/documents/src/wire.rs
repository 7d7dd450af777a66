//! The bodies of requests and responses.

use crate::settings::RouteSettings;
use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::document::{DocumentRecord, RequestError, Submission};
use connectivity_domain::job::{Status, Waiting};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_edge::history::{HistoryPage, HistoryQuery};
use connectivity_edge::json_body::{check_object, expect_json};
use connectivity_edge::problem::Problem;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request that has been accepted for the queue.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Accepted<'a> {
    id: &'a str,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::pending))]
    status: &'static str,
}

/// A page of records.
pub(crate) type DocumentHistory<'a> = HistoryPage<Record<'a>>;

/// The record of an authentication.
// The order of the fields is part of the API: clients have only ever seen this one.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Document))]
pub(crate) struct Record<'a> {
    /// The registry's verdict. Null if there is none
    #[cfg_attr(feature = "openapi", schema(required))]
    auth_success: Option<bool>,
    /// The document's id in the system of the caller
    #[cfg_attr(feature = "openapi", schema(required))]
    document_id: Option<&'a str>,
    document_title: &'a str,
    /// Why the document was not authenticated
    #[cfg_attr(feature = "openapi", schema(required))]
    error_message: Option<&'a str>,
    /// When the result was published
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    event_published_at: Option<String>,
    /// The body of the registry's response, which can be any JSON value, or null
    external_api_response: Value,
    /// The status of the registry's response
    #[cfg_attr(feature = "openapi", schema(required, minimum = 100, maximum = 599))]
    external_api_status_code: Option<u16>,
    id: &'a str,
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9]{6,12}$"))]
    id_citizen: &'a str,
    /// The id that identifies the request
    message_id: &'a str,
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    processed_at: Option<String>,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    received_at: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::status))]
    status: &'static str,
    /// The document's URL without its query, which is a credential
    url_document: &'a str,
}

/// A request of the bridge for events to publish.
///
/// With `"waiting": true` the response tells how long records have been waiting, besides the events:
/// `{"events": […], "oldest_pending_seconds": 12.5, "oldest_unpublished_seconds": null}`. The first
/// is the age of the oldest record without a verdict, the second the time since the oldest result
/// was recorded that is not marked as published; each is null if there is no such record. The query
/// is not cheap: ask for it a few times per minute, not at each lease.
#[derive(Deserialize)]
pub(crate) struct LeaseRequest {
    pub(crate) limit: u64,
    #[serde(default)]
    pub(crate) waiting: bool,
}

/// The ids of records whose events have been published.
#[derive(Deserialize)]
pub(crate) struct Published {
    pub(crate) results: Vec<String>,
    pub(crate) requests: Vec<String>,
}

pub(crate) fn read_request(headers: &HeaderMap, body: &[u8]) -> Result<Submission, Problem> {
    expect_json(headers)?;
    Submission::parse(body).map_err(|error| match error {
        // The domain only says that the body is not what it should be. `check_object` says what it
        // is instead.
        RequestError::NotUtf8 | RequestError::NotAnObject | RequestError::Repeated => {
            check_object(body).map_or_else(Problem::from, |()| invalid(&error))
        }
        RequestError::TooLong | RequestError::Field { .. } => invalid(&error),
    })
}

/// Returns the problem of an invalid request. Its detail is that of the error.
pub(crate) fn invalid(error: &RequestError) -> Problem {
    let kind = match error {
        RequestError::Field { .. } => ProblemKind::InvalidDocument,
        RequestError::TooLong => ProblemKind::PayloadTooLarge,
        RequestError::Repeated | RequestError::NotUtf8 | RequestError::NotAnObject => ProblemKind::InvalidRequest,
    };
    let problem = Problem::new(kind, error.to_string());
    match error {
        RequestError::Field { field, .. } => problem.field(*field),
        _ => problem,
    }
}

/// Returns the `Idempotency-Key`, if there is one: 1 to 255 visible characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()) && second.is_none());
    let detail = "there must be at most one Idempotency-Key, of 1 to 255 visible ASCII characters";
    key.map(Some).ok_or_else(|| Problem::new(ProblemKind::InvalidRequest, detail))
}

/// Returns whether the headers contain `Prefer: respond-async` (RFC 7240 section 4.1). The
/// preference has neither a value nor parameters; if there are any, they are ignored (section 2).
pub(crate) fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).filter_map(|preference| preference.split([';', '=']).next());
    names.map(str::trim).any(|name| name.eq_ignore_ascii_case("respond-async"))
}

pub(crate) fn record(record: &DocumentRecord) -> Response {
    Json(shown(record)).into_response()
}

pub(crate) fn accepted(id: &str) -> Response {
    let location = format!("/api/v1/documents/{id}/");
    let body = Json(Accepted { id, status: Status::Pending.as_str() });
    (StatusCode::ACCEPTED, [(header::LOCATION, location), (PREFERENCE_APPLIED, "respond-async".to_owned())], body)
        .into_response()
}

const PREFERENCE_APPLIED: http::HeaderName = http::HeaderName::from_static("preference-applied");

/// Returns a page of the records of the citizen that `query` names.
pub(crate) fn history(query: &HistoryQuery, count: u64, records: &[DocumentRecord]) -> Response {
    let results = records.iter().map(shown).collect();
    Json(DocumentHistory::new("/api/v1/documents/history/", query, count, results)).into_response()
}

/// Returns a record as callers see it: without the URL's query, which is a credential.
fn shown(record: &DocumentRecord) -> Record<'_> {
    let response = record.response.as_deref().and_then(|it| serde_json::from_str(it).ok());
    Record {
        auth_success: record.status.verdict(),
        document_id: record.request.document_id.as_deref(),
        document_title: &record.request.title,
        error_message: record.error_message.as_deref(),
        event_published_at: record.event_published_at.map(Timestamp::to_rfc3339_micros),
        external_api_response: response.unwrap_or_default(),
        external_api_status_code: record.status_code,
        id: &record.id,
        id_citizen: record.request.citizen.as_str(),
        message_id: record.message_id.as_str(),
        processed_at: record.processed_at.map(Timestamp::to_rfc3339_micros),
        received_at: record.received_at.to_rfc3339_micros(),
        status: record.status.as_str(),
        url_document: record.request.url.without_query(),
    }
}

/// Returns the events that the bridge is to publish, and if it asked for them the ages of what is
/// waiting.
pub(crate) fn leased(records: &[DocumentRecord], ages: Option<Ages>, settings: &RouteSettings) -> Response {
    let events: Vec<Value> = records.iter().map(|record| event(record, settings)).collect();
    Json(Leased { events, ages }).into_response()
}

/// The response to a [`LeaseRequest`].
#[derive(Serialize)]
struct Leased {
    events: Vec<Value>,
    #[serde(flatten)]
    ages: Option<Ages>,
}

/// How long records have been waiting.
#[derive(Serialize)]
pub(crate) struct Ages {
    oldest_pending_seconds: Option<f64>,
    oldest_unpublished_seconds: Option<f64>,
}

impl Ages {
    pub(crate) fn new(waiting: &Waiting, now: Timestamp) -> Self {
        let age = |since: Timestamp| now.since(since).as_secs_f64();
        Self {
            oldest_pending_seconds: waiting.pending_since.map(age),
            oldest_unpublished_seconds: waiting.unpublished_since.map(age),
        }
    }
}

/// Returns the event of a record: its result, or its request as long as there is no result.
pub(crate) fn event(record: &DocumentRecord, settings: &RouteSettings) -> Value {
    let (kind, routing_key, message_id, body) = match record.result() {
        Some(result) => {
            let success = record.status == Status::Success;
            let key = if success { &settings.ready_key } else { &settings.failure_key };
            ("result", Some(key), record.message_id.result_id(), result)
        }
        None => ("request", None, record.message_id.as_str().to_owned(), record.request_event()),
    };
    let trace = record.trace.as_ref();
    json!({"id": record.id, "kind": kind, "routing_key": routing_key, "message_id": message_id, "body": body,
           "traceparent": trace.map(|trace| &trace.traceparent),
           "tracestate": trace.and_then(|trace| trace.tracestate.as_ref())})
}
