//! Parameters, schemas and problems of the routes for callers, for the OpenAPI document of each job.

use crate::job::Job;
use connectivity_domain::job::Status;
use connectivity_domain::problem::ProblemKind as Kind;
use connectivity_edge::openapi::RouteProblems;
use connectivity_edge::schema::{one_of, page, page_size};
use std::marker::PhantomData;
use utoipa::IntoParams;
use utoipa::openapi::{RefOr, Schema};

/// The query of the history.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the query is read by `HistoryQuery::parse`")]
pub struct HistoryParameters {
    /// 6 to 12 digits. White space around them and leading zeros are ignored
    #[param(pattern = r"^\s*0*[1-9][0-9]{5,11}\s*$", example = "1128456232")]
    id_citizen: String,
    #[param(schema_with = page)]
    page: Option<String>,
    #[param(schema_with = page_size)]
    page_size: Option<String>,
}

/// The headers of a submitted request.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`preferences` reads the headers one by one")]
pub struct RequestHeaders {
    /// Identifies the request: a request with the same key and the same body is the same request;
    /// the same key with another body is rejected with 422. 1 to 255 visible ASCII characters, with
    /// or without quotes (RFC 9651 section 3.3.3)
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,126}")$"#
    )]
    idempotency_key: Option<String>,
    /// `respond-async` (RFC 7240 section 4.1): respond with 202 as soon as the request is stored
    #[param(rename = "Prefer", nullable = false, example = "respond-async")]
    prefer: Option<String>,
}

pub(crate) fn pending() -> RefOr<Schema> {
    one_of(&[Status::Pending.as_str()], "Always `PENDING`")
}

/// The problems of submitting a request.
pub struct SubmitProblems<J>(PhantomData<J>);

impl<J: Job> RouteProblems for SubmitProblems<J> {
    const KINDS: &'static [Kind] = &[
        Kind::InvalidRequest,
        J::INVALID_FIELD,
        Kind::InProgress,
        Kind::PayloadTooLarge,
        Kind::UnsupportedMediaType,
        Kind::MessageIdReused,
        Kind::RegistryUnavailable,
        Kind::RegistryUnexpectedResponse,
    ];
}

/// The problems of listing records.
pub struct HistoryProblems;

impl RouteProblems for HistoryProblems {
    const KINDS: &'static [Kind] = &[Kind::InvalidRequest, Kind::InvalidCitizenId];
}

/// The problems of showing a record.
pub struct FindProblems;

impl RouteProblems for FindProblems {
    const KINDS: &'static [Kind] = &[Kind::NotFound];
}

/// The problems of an erasure.
pub struct ErasureProblems;

impl RouteProblems for ErasureProblems {
    const KINDS: &'static [Kind] = &[Kind::InvalidCitizenId, Kind::InProgress];
}
