//! The bodies of requests and answers, and how they are read and made.

use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::check::{CheckRecord, CheckStatus, StoredCheck};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::page::Page;
use connectivity_domain::problem::ProblemKind;
use connectivity_kit::problem::{Problem, expect_json};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of a check. Further fields do not matter.
#[derive(Deserialize)]
struct CheckRequest {
    citizen_id: Value,
}

/// The answer to a check: exactly these four fields.
#[derive(Serialize)]
struct CheckAnswer<'a> {
    citizen_id: &'a str,
    is_eligible: bool,
    external_api_status_code: Option<u16>,
    citizen_data: Value,
}

/// A page of the history.
#[derive(Serialize)]
struct HistoryAnswer<'a> {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<HistoryEntry<'a>>,
}

#[derive(Serialize)]
struct HistoryEntry<'a> {
    id: &'a str,
    citizen_id: &'a str,
    status: &'static str,
    exists_in_system: Option<bool>,
    is_eligible: bool,
    message: &'a str,
    checked_at: String,
}

/// The query of the history.
#[derive(Deserialize)]
pub(crate) struct HistoryQuery {
    pub(crate) citizen_id: Option<String>,
    pub(crate) page: Option<String>,
    pub(crate) page_size: Option<String>,
}

/// Reads the body of a check.
pub(crate) fn read_check(headers: &HeaderMap, body: &[u8]) -> Result<CitizenId, Problem> {
    expect_json(headers)?;
    let unreadable = "the body must be a JSON object with the field citizen_id";
    let request: CheckRequest = serde_json::from_slice(body)
        .map_err(|_| Problem::new(ProblemKind::InvalidRequest, unreadable).field("citizen_id"))?;
    match request.citizen_id {
        Value::String(text) => read_citizen(&text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            let detail = "citizen_id must be a string";
            Err(Problem::new(ProblemKind::InvalidCitizenId, detail).field("citizen_id"))
        }
    }
}

/// Reads a citizen's id.
pub(crate) fn read_citizen(text: &str) -> Result<CitizenId, Problem> {
    CitizenId::parse(text)
        .map_err(|error| Problem::new(ProblemKind::InvalidCitizenId, format!("citizen_id {error}")).field("citizen_id"))
}

/// The answer to a check with a verdict.
pub(crate) fn checked(record: &CheckRecord, affiliated_without_body: bool) -> Response {
    if affiliated_without_body && record.status() == CheckStatus::AlreadyAffiliated {
        return StatusCode::NO_CONTENT.into_response();
    }
    let data = record.citizen_data().and_then(|data| serde_json::from_str(data).ok());
    Json(CheckAnswer {
        citizen_id: record.citizen().as_str(),
        is_eligible: record.status().is_eligible(),
        external_api_status_code: record.status_code(),
        citizen_data: data.unwrap_or_default(),
    })
    .into_response()
}

/// A page of a citizen's history.
pub(crate) fn history(citizen: &CitizenId, page: Page, count: u64, checks: &[StoredCheck]) -> Response {
    // Relative references (RFC 3986 section 4.2): behind a proxy nobody here knows the outer address.
    let link = |number: u64| {
        let (citizen, size) = (citizen.as_str(), page.size());
        format!("/api/v1/affiliation/history/?citizen_id={citizen}&page={number}&page_size={size}")
    };
    let results = checks.iter().map(|check| HistoryEntry {
        id: &check.id,
        citizen_id: citizen.as_str(),
        status: check.status.as_str(),
        exists_in_system: check.status.exists_in_system(),
        is_eligible: check.status.is_eligible(),
        message: &check.message,
        checked_at: check.checked_at.to_rfc3339_micros(),
    });
    Json(HistoryAnswer {
        count,
        next: page.next(count).map(link),
        previous: page.previous().map(link),
        results: results.collect(),
    })
    .into_response()
}
