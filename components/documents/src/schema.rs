//! Schemas of the bodies, for the OpenAPI document.

use connectivity_domain::job::Status;
use connectivity_edge::schema::{citizen_id, one_of};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// A request to authenticate a document. Other fields are ignored.
#[derive(ToSchema)]
#[schema(as = DocumentRequest, example = json!({
    "idCitizen": 1_128_456_232,
    "UrlDocument": "https://bucket.example/diploma.pdf",
    "documentTitle": "Diploma"
}))]
#[expect(dead_code, reason = "the domain reads the fields, from messages too")]
pub(crate) struct RequestBody {
    #[schema(rename = "idCitizen", schema_with = citizen_id)]
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

pub(crate) fn status() -> RefOr<Schema> {
    let all = [Status::Pending, Status::Success, Status::Failed, Status::Error];
    let description = "`PENDING`: in progress; it changes to one of the others, which are final. `SUCCESS`: the document is \
        authentic. `FAILED`: the registry refused it. `ERROR`: the request was given up without a verdict";
    one_of(&all.map(Status::as_str), description)
}
