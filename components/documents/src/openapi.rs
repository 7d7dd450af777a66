//! What the API's document says of the routes for callers. Those for the bridge are not in it.

use crate::routes;
use connectivity_domain::document::DocumentStatus;
use connectivity_domain::problem::ProblemKind as Kind;
use connectivity_kit::openapi::{Problems, one_of};
use utoipa::openapi::schema::{ObjectBuilder, OneOf, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, OpenApi, ToSchema};

/// The document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(routes::submit, routes::history, routes::find))]
struct Document;

/// The headers of a request that the route itself reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`wire` reads them one by one")]
pub(crate) struct RequestHeaders {
    /// Names the request: the same key and the same body are the same request, the same key and another body a 422.
    /// 1 to 255 visible ASCII characters
    #[param(rename = "Idempotency-Key", nullable = false, pattern = r"^[!-~]([ -~]{0,253}[!-~])?$")]
    idempotency_key: Option<String>,
    /// `respond-async` (RFC 7240 section 4.1): answer with 202 as soon as the request is kept
    #[param(rename = "Prefer", nullable = false, example = "respond-async")]
    prefer: Option<String>,
}

/// A document whose authenticity is asked for. Further fields do not matter.
#[derive(ToSchema)]
#[schema(as = DocumentRequest, example = json!({
    "idCitizen": 1_128_456_232,
    "UrlDocument": "https://bucket.example/diploma.pdf",
    "documentTitle": "Diploma"
}))]
#[expect(dead_code, reason = "the domain reads them, from messages too")]
pub(crate) struct RequestBody {
    #[schema(rename = "idCitizen", schema_with = id_citizen)]
    id_citizen: String,
    /// An absolute http(s) URL without user and password; its query is kept from everybody but the registry
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
    /// Names the request, as `Idempotency-Key` does: for all callers, where that is for each of them
    #[schema(rename = "messageId", pattern = "^[!-~]{1,128}$")]
    message_id: Option<String>,
}

fn document_id() -> RefOr<Schema> {
    let id = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Number, Type::Null]));
    let id = id.min_length(Some(1)).max_length(Some(200)).pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*$"));
    id.description(Some("What the asker calls the document")).into()
}

fn id_citizen() -> RefOr<Schema> {
    let number =
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(100_000)).maximum(Some(999_999_999_999_u64));
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^\s*[0-9]{6,12}\s*$"));
    OneOf::builder().item(number).item(text).description(Some("6 to 12 digits, as a number or a text")).into()
}

/// Where a request stands.
pub(crate) fn status() -> RefOr<Schema> {
    let all = [DocumentStatus::Pending, DocumentStatus::Success, DocumentStatus::Failed, DocumentStatus::Error];
    let description = "`PENDING` becomes one of the others, and those stay. `SUCCESS`: authentic. `FAILED`: the registry \
        said no. `ERROR`: there was no verdict, and nobody tries any more";
    one_of(&all.map(DocumentStatus::as_str), description)
}

/// Where a request stands that has just been accepted.
pub(crate) fn pending() -> RefOr<Schema> {
    one_of(&[DocumentStatus::Pending.as_str()], "Nobody has looked at it so far")
}

pub(crate) struct Submit;

impl Problems for Submit {
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

pub(crate) struct History;

impl Problems for History {
    const KINDS: &'static [Kind] = &[Kind::InvalidRequest, Kind::InvalidCitizenId];
}

pub(crate) struct Find;

impl Problems for Find {
    const KINDS: &'static [Kind] = &[Kind::NotFound];
}
