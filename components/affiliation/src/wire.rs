//! The bodies of requests and answers, and how they are read and made.

use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::check::{CheckRecord, CheckStatus, StoredCheck};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::page::Page;
use connectivity_domain::problem::ProblemKind;
use connectivity_kit::problem::{Problem, expect_json};
use connectivity_kit::request::object;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of a check. Further fields do not matter.
#[derive(Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct CheckRequest {
    /// 6 to 12 digits; white space around them does not count
    #[cfg_attr(
        not(target_family = "wasm"),
        schema(value_type = String, pattern = r"^\s*[0-9]{6,12}\s*$", example = "1128456232")
    )]
    citizen_id: Value,
}

/// The answer to a check: exactly these four fields.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct CheckAnswer<'a> {
    #[cfg_attr(not(target_family = "wasm"), schema(pattern = r"^[0-9]{6,12}$", example = "1128456232"))]
    citizen_id: &'a str,
    /// Nobody has affiliated the citizen: the registry said so with its status 204, and only then
    is_eligible: bool,
    /// The registry's own status
    #[cfg_attr(not(target_family = "wasm"), schema(required, minimum = 100, maximum = 599))]
    external_api_status_code: Option<u16>,
    /// What the registry said, whatever it was, or null
    citizen_data: Value,
}

/// A page of the history.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema), schema(as = CheckHistory))]
pub(crate) struct HistoryAnswer<'a> {
    /// How many there are on all pages
    count: u64,
    /// The page after this one, relative to where this one is
    #[cfg_attr(not(target_family = "wasm"), schema(required, format = "uri-reference"))]
    next: Option<String>,
    /// The page before this one
    #[cfg_attr(not(target_family = "wasm"), schema(required, format = "uri-reference"))]
    previous: Option<String>,
    results: Vec<HistoryEntry<'a>>,
}

/// A check that was made.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema), schema(as = Check))]
pub(crate) struct HistoryEntry<'a> {
    id: &'a str,
    #[cfg_attr(not(target_family = "wasm"), schema(pattern = r"^[0-9]{6,12}$"))]
    citizen_id: &'a str,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::status))]
    status: &'static str,
    /// Is the citizen known to an operator? Null where there is no verdict
    #[cfg_attr(not(target_family = "wasm"), schema(required))]
    exists_in_system: Option<bool>,
    is_eligible: bool,
    /// A sentence about it
    message: &'a str,
    #[cfg_attr(not(target_family = "wasm"), schema(format = DateTime))]
    checked_at: String,
}

/// The query of the history.
#[derive(Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct HistoryQuery {
    /// 6 to 12 digits; white space around them does not count
    #[cfg_attr(
        not(target_family = "wasm"),
        param(required, nullable = false, pattern = r"^\s*[0-9]{6,12}\s*$", example = "1128456232")
    )]
    pub(crate) citizen_id: Option<String>,
    /// Which page, from 1
    #[cfg_attr(not(target_family = "wasm"), param(schema_with = connectivity_kit::openapi::page))]
    pub(crate) page: Option<String>,
    /// How many on it. More than 100 are cut to 100
    #[cfg_attr(not(target_family = "wasm"), param(schema_with = connectivity_kit::openapi::page_size))]
    pub(crate) page_size: Option<String>,
}

/// Reads the body of a check.
pub(crate) fn read_check(headers: &HeaderMap, body: &[u8]) -> Result<CitizenId, Problem> {
    expect_json(headers)?;
    let unreadable = "the body must be a JSON object with the field citizen_id";
    let request: CheckRequest =
        object(body).map_err(|_| Problem::new(ProblemKind::InvalidRequest, unreadable).field("citizen_id"))?;
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
