//! The bodies of requests and responses.

pub(crate) mod checks;

use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::check::{CheckRecord, CheckStatus, HeldCheck, StoredCheck};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::history::{HistoryPage, HistoryQuery};
use connectivity_edge::json_body::read_json;
use connectivity_edge::problem::Problem;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request to check a citizen. Other fields are ignored.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct CheckRequest {
    #[cfg_attr(feature = "openapi", schema(schema_with = connectivity_edge::schema::citizen_id))]
    citizen_id: Value,
}

/// The result of a check: exactly these four fields.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct CheckAnswer<'a> {
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[1-9][0-9]{5,11}$", example = "1128456232"))]
    citizen_id: &'a str,
    /// Whether the citizen can be affiliated: true only if the registry answered with the status
    /// 204, which says that no operator has affiliated the citizen
    is_eligible: bool,
    /// The status of the registry's response
    #[cfg_attr(feature = "openapi", schema(required, minimum = 100, maximum = 599))]
    external_api_status_code: Option<u16>,
    /// The body of the registry's response, which can be any JSON value, or null
    citizen_data: Value,
}

impl<'a> CheckAnswer<'a> {
    /// Creates the result of a check with a verdict.
    pub(crate) fn new(record: &'a CheckRecord) -> Self {
        Self {
            citizen_id: record.citizen().as_str(),
            is_eligible: record.status().is_eligible(),
            external_api_status_code: record.status_code(),
            citizen_data: parsed(record.citizen_data()),
        }
    }
}

/// Everything that is held of a check.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CheckDetails))]
pub(crate) struct HeldEntry {
    id: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::status))]
    status: &'static str,
    message: String,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    checked_at: String,
    /// The subject of the token that requested the check. Null for checks of earlier versions
    #[cfg_attr(feature = "openapi", schema(required, max_length = 128))]
    requested_by: Option<String>,
    /// The id of the request in the log. Null for checks of earlier versions
    #[cfg_attr(feature = "openapi", schema(required, max_length = 128))]
    request_id: Option<String>,
    #[cfg_attr(feature = "openapi", schema(required, minimum = 100, maximum = 599))]
    external_api_status_code: Option<u16>,
    /// The body of the registry's response, which can be any JSON value, or null
    citizen_data: Value,
}

/// What is held about a citizen.
#[cfg(feature = "openapi")]
pub(crate) type HeldChecks = connectivity_edge::holdings::Held<HeldEntry>;

/// A page of checks.
pub(crate) type CheckHistory<'a> = HistoryPage<HistoryEntry<'a>>;

/// A recorded check.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Check))]
pub(crate) struct HistoryEntry<'a> {
    id: &'a str,
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[1-9][0-9]{5,11}$"))]
    citizen_id: &'a str,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::status))]
    status: &'static str,
    /// Whether an operator has affiliated the citizen. Null if the registry gave no verdict
    #[cfg_attr(feature = "openapi", schema(required))]
    exists_in_system: Option<bool>,
    is_eligible: bool,
    /// The result in a sentence
    message: &'a str,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    checked_at: String,
    /// The subject of the token that requested the check. Null for checks of earlier versions
    #[cfg_attr(feature = "openapi", schema(required, max_length = 128))]
    requested_by: Option<&'a str>,
}

pub(crate) fn read_check(headers: &HeaderMap, body: &[u8]) -> Result<CitizenId, Problem> {
    let CheckRequest { citizen_id } = read_json(headers, body)?;
    let invalid = |detail: String| Problem::new(ProblemKind::InvalidCitizenId, detail).field("citizen_id");
    CitizenId::from_json(&citizen_id).map_err(|error| invalid(format!("citizen_id {error}")))
}

/// Returns the response to a check with a verdict.
pub(crate) fn checked(record: &CheckRecord, affiliated_without_body: bool) -> Response {
    if affiliated_without_body && record.status() == CheckStatus::AlreadyAffiliated {
        return StatusCode::NO_CONTENT.into_response();
    }
    Json(CheckAnswer::new(record)).into_response()
}

/// Returns what an operator sees of a check.
pub(crate) fn held(held: HeldCheck) -> HeldEntry {
    let HeldCheck { check, request_id, status_code, citizen_data } = held;
    HeldEntry {
        id: check.id,
        status: check.status.as_str(),
        message: check.message,
        checked_at: check.checked_at.to_rfc3339_micros(),
        requested_by: check.requested_by,
        request_id,
        external_api_status_code: status_code,
        citizen_data: parsed(citizen_data.as_deref()),
    }
}

/// Returns the body of the registry's response as JSON, or null.
fn parsed(data: Option<&str>) -> Value {
    data.and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default()
}

/// Returns a page of the checks of the citizen that `query` names.
pub(crate) fn history(query: &HistoryQuery, count: u64, checks: &[StoredCheck]) -> Response {
    let entry = |check| entry(&query.citizen, check);
    let results = checks.iter().map(entry).collect();
    Json(CheckHistory::new("/api/v1/affiliation/history/", query, count, results)).into_response()
}

fn entry<'a>(citizen: &'a CitizenId, check: &'a StoredCheck) -> HistoryEntry<'a> {
    HistoryEntry {
        id: &check.id,
        citizen_id: citizen.as_str(),
        status: check.status.as_str(),
        exists_in_system: check.status.exists_in_system(),
        is_eligible: check.status.is_eligible(),
        message: &check.message,
        checked_at: check.checked_at.to_rfc3339_micros(),
        requested_by: check.requested_by.as_deref(),
    }
}
