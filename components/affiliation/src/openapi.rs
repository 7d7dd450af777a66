//! What the API's document says of the routes here.

use crate::routes;
use connectivity_domain::check::CheckStatus;
use connectivity_domain::problem::ProblemKind as Kind;
use connectivity_kit::openapi::{Problems, one_of};
use utoipa::OpenApi;
use utoipa::openapi::{RefOr, Schema};

/// The document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(routes::check, routes::history))]
struct Document;

/// How a check ended.
pub(crate) fn status() -> RefOr<Schema> {
    let all = [CheckStatus::Eligible, CheckStatus::AlreadyAffiliated, CheckStatus::Error];
    one_of(&all.map(CheckStatus::as_str), "How it ended; `ERROR`: without a verdict")
}

pub(crate) struct Check;

impl Problems for Check {
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

pub(crate) struct History;

impl Problems for History {
    const KINDS: &'static [Kind] = &[Kind::InvalidRequest, Kind::InvalidCitizenId];
}
