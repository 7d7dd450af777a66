//! Schemas and problems of the routes for callers, for the OpenAPI document.

use connectivity_domain::job::Status;
use connectivity_domain::problem::ProblemKind as Kind;
use connectivity_edge::openapi::RouteProblems;
use connectivity_edge::schema::{one_of, page, page_size};
use utoipa::openapi::schema::{ObjectBuilder, OneOf, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

/// The query of the history.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the query is read by `HistoryQuery::parse`")]
pub(crate) struct HistoryParameters {
    /// 6 to 12 digits. White space around them is ignored
    #[param(pattern = r"^\s*[0-9]{6,12}\s*$", example = "1128456232")]
    id_citizen: String,
    #[param(schema_with = page)]
    page: Option<String>,
    #[param(schema_with = page_size)]
    page_size: Option<String>,
}

/// The request headers of this route.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`wire` reads the headers one by one")]
pub(crate) struct RequestHeaders {
    /// Identifies the request: a request with the same key and the same body is the same request;
    /// the same key with another body is rejected with 422. 1 to 255 visible ASCII characters
    #[param(rename = "Idempotency-Key", nullable = false, pattern = r"^[!-~]([ -~]{0,253}[!-~])?$")]
    idempotency_key: Option<String>,
    /// `respond-async` (RFC 7240 section 4.1): respond with 202 as soon as the request is stored
    #[param(rename = "Prefer", nullable = false, example = "respond-async")]
    prefer: Option<String>,
}

/// A request to authenticate a document. Other fields are ignored.
#[derive(ToSchema)]
#[schema(as = DocumentRequest, example = json!({
    "idCitizen": 1_128_456_232,
    "UrlDocument": "https://bucket.example/diploma.pdf",
    "documentTitle": "Diploma"
}))]
#[expect(dead_code, reason = "the domain reads the fields, from messages too")]
pub(crate) struct RequestBody {
    #[schema(rename = "idCitizen", schema_with = id_citizen)]
    id_citizen: String,
    /// An absolute http(s) URL without user and password. Its query is passed to the registry and
    /// to nobody else
    #[schema(
        rename = "UrlDocument",
        max_length = 4096,
        pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\\@/?#:]+(:[0-9]{0,4})?([/?#][^\s\\]*)?$"
    )]
    url_document: String,
    #[schema(rename = "documentTitle", min_length = 1, max_length = 200)]
    document_title: String,
    #[schema(rename = "documentId", schema_with = document_id)]
    document_id: Option<String>,
    /// Identifies the request across all callers, while an `Idempotency-Key` identifies it among
    /// those of one caller
    #[schema(rename = "messageId", pattern = "^[!-~]{1,128}$")]
    message_id: Option<String>,
}

fn document_id() -> RefOr<Schema> {
    let id = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Number, Type::Null]));
    let id = id.min_length(Some(1)).max_length(Some(200)).pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*$"));
    id.description(Some("The document's id in the system of the caller")).into()
}

fn id_citizen() -> RefOr<Schema> {
    let number =
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(100_000)).maximum(Some(999_999_999_999_u64));
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^\s*[0-9]{6,12}\s*$"));
    OneOf::builder().item(number).item(text).description(Some("6 to 12 digits, as a number or a string")).into()
}

pub(crate) fn status() -> RefOr<Schema> {
    let all = [Status::Pending, Status::Success, Status::Failed, Status::Error];
    let description = "`PENDING`: in progress; it changes to one of the others, which are final. `SUCCESS`: the document is \
        authentic. `FAILED`: the registry refused it. `ERROR`: there was no verdict after the last attempt";
    one_of(&all.map(Status::as_str), description)
}

pub(crate) fn pending() -> RefOr<Schema> {
    one_of(&[Status::Pending.as_str()], "Always `PENDING`")
}

pub(crate) struct SubmitProblems;

impl RouteProblems for SubmitProblems {
    const KINDS: &'static [Kind] = &[
        Kind::InvalidRequest,
        Kind::InvalidDocument,
        Kind::InProgress,
        Kind::PayloadTooLarge,
        Kind::UnsupportedMediaType,
        Kind::MessageIdReused,
        Kind::RegistryUnavailable,
        Kind::RegistryUnexpectedResponse,
    ];
}

pub(crate) struct HistoryProblems;

impl RouteProblems for HistoryProblems {
    const KINDS: &'static [Kind] = &[Kind::InvalidRequest, Kind::InvalidCitizenId];
}

pub(crate) struct FindProblems;

impl RouteProblems for FindProblems {
    const KINDS: &'static [Kind] = &[Kind::NotFound];
}
