//! The bodies of checks of several citizens.

use super::CheckAnswer;
use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::check::{Batch, CheckRecord, MAX_BATCH};
use connectivity_domain::citizen::{CitizenId, CitizenIdError};
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::json_body::read_json;
use connectivity_edge::problem::{Problem, ProblemPart};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest part of an invalid id that a response repeats, in characters.
const LONGEST_INVALID: usize = 64;

/// The name of the field with the ids.
const FIELD: &str = "citizen_ids";

/// A request to check citizens. Other fields are ignored.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ChecksRequest {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::citizen_ids))]
    citizen_ids: Vec<Value>,
}

/// The results of the checks.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ChecksAnswer<'a> {
    /// One result for each id, in the order of the ids
    results: Vec<CheckResult<'a>>,
}

/// The result for one id.
#[derive(Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) enum CheckResult<'a> {
    Checked(CheckAnswer<'a>),
    Failed(FailedCheck<'a>),
}

/// There is no verdict: the id is invalid, or nothing is known about the citizen.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct FailedCheck<'a> {
    /// The id, without leading zeros. An invalid id as it was given, of which the first 64 characters
    citizen_id: &'a str,
    error: ProblemPart,
}

/// An id that is invalid.
pub(crate) struct InvalidId {
    /// The id as it was given, shortened.
    given: String,
    error: CitizenIdError,
}

/// The ids of a request.
pub(crate) type Ids = Batch<InvalidId>;

pub(crate) fn read_checks(headers: &HeaderMap, body: &[u8]) -> Result<Ids, Problem> {
    let ChecksRequest { citizen_ids } = read_json(headers, body)?;
    if (1..=MAX_BATCH).contains(&citizen_ids.len()) {
        return Ok(Batch::new(citizen_ids.iter().map(parsed)));
    }
    let found = citizen_ids.len();
    let detail = format!("{FIELD} has {found} ids: send 1 to {MAX_BATCH} in a request");
    Err(Problem::new(ProblemKind::InvalidRequest, detail).field(FIELD))
}

fn parsed(id: &Value) -> Result<CitizenId, InvalidId> {
    CitizenId::from_json(id).map_err(|error| {
        let given = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        InvalidId { given: given.chars().take(LONGEST_INVALID).collect(), error }
    })
}

/// Returns the response. `checked` has a result for each citizen of `ids`; `problem` says why there is
/// no verdict.
pub(crate) fn all_checked<E>(
    ids: &Ids,
    checked: &[Result<CheckRecord, E>],
    problem: impl Fn(&E) -> Problem,
) -> Response {
    let results = ids.places.iter().map(|place| match place {
        Ok(place) => match &checked[*place] {
            Ok(record) => CheckResult::Checked(CheckAnswer::new(record)),
            Err(error) => CheckResult::failed(ids.citizens[*place].as_str(), problem(error)),
        },
        Err(InvalidId { given, error }) => {
            let detail = format!("the id {error}");
            CheckResult::failed(given, Problem::new(ProblemKind::InvalidCitizenId, detail).field(FIELD))
        }
    });
    Json(ChecksAnswer { results: results.collect() }).into_response()
}

impl<'a> CheckResult<'a> {
    fn failed(citizen_id: &'a str, problem: Problem) -> Self {
        Self::Failed(FailedCheck { citizen_id, error: ProblemPart::from(problem) })
    }
}
