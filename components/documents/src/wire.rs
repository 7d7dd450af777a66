//! The bodies of requests and answers, and how they are read and made.

use crate::settings::RouteSettings;
use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{
    DocumentRecord, DocumentRequest, DocumentStatus, MessageId, RequestError, Submission,
};
use connectivity_domain::page::Page;
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_kit::problem::{Problem, expect_json};
use connectivity_kit::request::object;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The query of the history.
#[derive(Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct HistoryQuery {
    /// 6 to 12 digits; white space around them does not count
    #[cfg_attr(
        not(target_family = "wasm"),
        param(required, nullable = false, pattern = r"^\s*[0-9]{6,12}\s*$", example = "1128456232")
    )]
    pub(crate) id_citizen: Option<String>,
    /// Which page, from 1
    #[cfg_attr(not(target_family = "wasm"), param(schema_with = connectivity_kit::openapi::page))]
    pub(crate) page: Option<String>,
    /// How many on it. More than 100 are cut to 100
    #[cfg_attr(not(target_family = "wasm"), param(schema_with = connectivity_kit::openapi::page_size))]
    pub(crate) page_size: Option<String>,
}

/// A request that has been accepted for the queue.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Accepted<'a> {
    id: &'a str,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::pending))]
    status: &'static str,
}

/// A page of the history.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema), schema(as = DocumentHistory))]
pub(crate) struct HistoryAnswer<'a> {
    /// How many there are on all pages
    count: u64,
    /// The page after this one, relative to where this one is
    #[cfg_attr(not(target_family = "wasm"), schema(required, format = "uri-reference"))]
    next: Option<String>,
    /// The page before this one
    #[cfg_attr(not(target_family = "wasm"), schema(required, format = "uri-reference"))]
    previous: Option<String>,
    results: Vec<Record<'a>>,
}

/// A record of an authentication.
// In the order in which they have always been written.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema), schema(as = Document))]
pub(crate) struct Record<'a> {
    /// The registry's verdict; null where there is none
    #[cfg_attr(not(target_family = "wasm"), schema(required))]
    auth_success: Option<bool>,
    /// What the asker calls the document
    #[cfg_attr(not(target_family = "wasm"), schema(required))]
    document_id: Option<&'a str>,
    document_title: &'a str,
    /// A sentence on why it is no success
    #[cfg_attr(not(target_family = "wasm"), schema(required))]
    error_message: Option<&'a str>,
    /// When the result was published to the queue
    #[cfg_attr(not(target_family = "wasm"), schema(required, format = DateTime))]
    event_published_at: Option<String>,
    /// What the registry said, whatever it was, or null
    external_api_response: Value,
    /// The registry's own status
    #[cfg_attr(not(target_family = "wasm"), schema(required, minimum = 100, maximum = 599))]
    external_api_status_code: Option<u16>,
    id: &'a str,
    #[cfg_attr(not(target_family = "wasm"), schema(pattern = "^[0-9]{6,12}$"))]
    id_citizen: &'a str,
    /// What names the request
    message_id: &'a str,
    #[cfg_attr(not(target_family = "wasm"), schema(required, format = DateTime))]
    processed_at: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schema(format = DateTime))]
    received_at: String,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::status))]
    status: &'static str,
    /// Without its query, which is a credential
    url_document: &'a str,
}

/// A message of the queue, from the bridge.
pub(crate) struct Delivery {
    pub(crate) message_id: MessageId,
    pub(crate) request: DocumentRequest,
    /// Nobody tries again after this.
    pub(crate) last: bool,
}

#[derive(Deserialize)]
struct RawDelivery {
    message_id: String,
    message: Map<String, Value>,
    last: bool,
}

/// How much of the outbox the bridge wants.
#[derive(Deserialize)]
pub(crate) struct LeaseRequest {
    pub(crate) limit: u64,
}

/// Ids of records whose events are published.
#[derive(Deserialize)]
pub(crate) struct Published {
    pub(crate) results: Vec<String>,
    pub(crate) requests: Vec<String>,
}

/// Reads a body of the bridge.
pub(crate) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    expect_json(headers)?;
    object(body).map_err(|error| Problem::new(ProblemKind::InvalidRequest, error.to_string()))
}

/// Reads a message that the bridge delivers.
pub(crate) fn read_delivery(headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Problem> {
    let RawDelivery { message_id, message, last } = read(headers, body)?;
    let wrong = || Problem::new(ProblemKind::InvalidRequest, "message_id is none").field("message_id");
    let message_id = MessageId::known(&message_id).ok_or_else(wrong)?;
    let message = Value::Object(message).to_string();
    let request = Submission::parse(message.as_bytes()).map_err(|error| invalid(&error))?.request;
    Ok(Delivery { message_id, request, last })
}

/// Reads a request of a caller.
pub(crate) fn read_request(headers: &HeaderMap, body: &[u8]) -> Result<Submission, Problem> {
    expect_json(headers)?;
    Submission::parse(body).map_err(|error| invalid(&error))
}

fn invalid(error: &RequestError) -> Problem {
    match error {
        RequestError::Field { field, .. } => Problem::new(ProblemKind::InvalidDocument, error.to_string()).field(field),
        RequestError::TooLong => Problem::new(ProblemKind::PayloadTooLarge, error.to_string()),
        RequestError::Repeated => Problem::new(ProblemKind::InvalidRequest, error.to_string()),
        RequestError::NotUtf8 | RequestError::NotAnObject => {
            let detail = "the body must be a JSON object with idCitizen, UrlDocument and documentTitle";
            Problem::new(ProblemKind::InvalidRequest, detail)
        }
    }
}

/// Reads a citizen's id.
pub(crate) fn read_citizen(text: &str) -> Result<CitizenId, Problem> {
    CitizenId::parse(text)
        .map_err(|error| Problem::new(ProblemKind::InvalidCitizenId, format!("id_citizen {error}")).field("id_citizen"))
}

/// The `Idempotency-Key`, if there is one: 1 to 255 visible characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()) && second.is_none());
    let detail = "give at most one Idempotency-Key, of 1 to 255 visible ASCII characters";
    key.map(Some).ok_or_else(|| Problem::new(ProblemKind::InvalidRequest, detail))
}

/// `Prefer: respond-async` (RFC 7240 section 4.1). It has no value and no parameters; those that come are ignored
/// (section 2).
pub(crate) fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).filter_map(|preference| preference.split([';', '=']).next());
    names.map(str::trim).any(|name| name.eq_ignore_ascii_case("respond-async"))
}

/// A record.
pub(crate) fn record(record: &DocumentRecord) -> Response {
    Json(shown(record)).into_response()
}

/// A request that has been accepted for the queue.
pub(crate) fn accepted(id: &str) -> Response {
    let location = format!("/api/v1/documents/{id}/");
    let body = Json(Accepted { id, status: DocumentStatus::Pending.as_str() });
    (StatusCode::ACCEPTED, [(header::LOCATION, location), (PREFERENCE_APPLIED, "respond-async".to_owned())], body)
        .into_response()
}

const PREFERENCE_APPLIED: http::HeaderName = http::HeaderName::from_static("preference-applied");

/// A page of a citizen's records.
pub(crate) fn history(citizen: &CitizenId, page: Page, count: u64, records: &[DocumentRecord]) -> Response {
    // Relative references (RFC 3986 section 4.2): behind a proxy nobody here knows the outer address.
    let link = |number: u64| {
        let (citizen, size) = (citizen.as_str(), page.size());
        format!("/api/v1/documents/history/?id_citizen={citizen}&page={number}&page_size={size}")
    };
    Json(HistoryAnswer {
        count,
        next: page.next(count).map(link),
        previous: page.previous().map(link),
        results: records.iter().map(shown).collect(),
    })
    .into_response()
}

/// A record as callers see it: the URL's query is a credential, and stays here.
fn shown(record: &DocumentRecord) -> Record<'_> {
    let response = record.response.as_deref().and_then(|it| serde_json::from_str(it).ok());
    Record {
        auth_success: record.status.auth_success(),
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

/// What the bridge hears of a message that is finished.
pub(crate) fn delivered(record: &DocumentRecord, settings: &RouteSettings) -> Response {
    Json(json!({"status": record.status.as_str(), "event": event(record, settings)})).into_response()
}

/// What the bridge has to publish.
pub(crate) fn leased(records: &[DocumentRecord], settings: &RouteSettings) -> Response {
    let events: Vec<Value> = records.iter().map(|record| event(record, settings)).collect();
    Json(json!({"events": events})).into_response()
}

/// The event of a record: its result, or its request as long as it has none.
fn event(record: &DocumentRecord, settings: &RouteSettings) -> Value {
    let (kind, routing_key, message_id, body) = match record.result() {
        Some(result) => {
            let success = record.status == DocumentStatus::Success;
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
