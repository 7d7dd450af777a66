//! Schemas and problems of the routes, for the OpenAPI document.

use connectivity_domain::check::{CheckStatus, MAX_BATCH};
use connectivity_domain::problem::ProblemKind as Kind;
use connectivity_edge::openapi::RouteProblems;
use connectivity_edge::schema::{citizen_id, one_of, page, page_size};
use utoipa::IntoParams;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{RefOr, Schema};

/// The query of the history.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the query is read by `HistoryQuery::parse`")]
pub(crate) struct HistoryParameters {
    /// 6 to 12 digits. White space around them and leading zeros are ignored
    #[param(pattern = r"^\s*0*[1-9][0-9]{5,11}\s*$", example = "1128456232")]
    citizen_id: String,
    #[param(schema_with = page)]
    page: Option<String>,
    #[param(schema_with = page_size)]
    page_size: Option<String>,
}

pub(crate) fn status() -> RefOr<Schema> {
    let all = [CheckStatus::Eligible, CheckStatus::AlreadyAffiliated, CheckStatus::Error];
    one_of(&all.map(CheckStatus::as_str), "The result of the check. `ERROR`: the registry gave no verdict")
}

/// The ids of a request.
pub(crate) fn citizen_ids() -> RefOr<Schema> {
    let ids = ArrayBuilder::new().items(citizen_id()).min_items(Some(1)).max_items(Some(MAX_BATCH));
    ids.description(Some("The ids of 1 to 100 citizens. A repeated id is asked about once")).into()
}

pub(crate) struct CheckProblems;

impl RouteProblems for CheckProblems {
    const KINDS: &'static [Kind] = &[
        Kind::InvalidRequest,
        Kind::InvalidCitizenId,
        Kind::PayloadTooLarge,
        Kind::UnsupportedMediaType,
        Kind::RegistryUnavailable,
        Kind::RegistryRefused,
        Kind::RegistryUnexpectedResponse,
    ];
}

pub(crate) struct ChecksProblems;

impl RouteProblems for ChecksProblems {
    const KINDS: &'static [Kind] = &[Kind::InvalidRequest, Kind::PayloadTooLarge, Kind::UnsupportedMediaType];
}

pub(crate) struct HistoryProblems;

impl RouteProblems for HistoryProblems {
    const KINDS: &'static [Kind] = &[Kind::InvalidRequest, Kind::InvalidCitizenId];
}

pub(crate) struct ErasureProblems;

impl RouteProblems for ErasureProblems {
    const KINDS: &'static [Kind] = &[Kind::InvalidCitizenId];
}
