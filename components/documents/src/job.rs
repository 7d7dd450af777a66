//! The job, as callers see it.

use crate::store::Documents;
use connectivity_domain::document::{DocumentRecord, DocumentRequest};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_jobs::Job;
use serde::Serialize;
use serde_json::Value;

impl Job for Documents {
    type Question = DocumentRequest;
    type Shown<'a> = Record<'a>;

    const NAME: &'static str = "documents";
    const ACTION: &'static str = "authenticate";
    const SUBJECT: &'static str = "document";
    const INVALID_FIELD: ProblemKind = ProblemKind::InvalidDocument;

    /// Returns a record without the URL's query, which is a credential.
    fn shown(record: &DocumentRecord) -> Record<'_> {
        let response = record.response.as_deref().and_then(|it| serde_json::from_str(it).ok());
        Record {
            auth_success: record.status.verdict(),
            document_id: record.request.document_id.as_deref(),
            document_title: &record.request.title,
            error_message: record.error_message.as_deref(),
            event_published_at: record.event_published_at.map(Timestamp::to_rfc3339_micros),
            external_api_response: response.unwrap_or_default(),
            external_api_status_code: record.status_code,
            id: &record.id,
            id_citizen: record.request.citizen.as_str(),
            message_id: record.message_id.as_str(),
            processed_at: record.processed_at.map(Timestamp::to_rfc3339_micros),
            received_at: record.received_at.to_rfc3339_micros(),
            status: record.status.as_str(),
            url_document: record.request.url.without_query(),
        }
    }
}

/// The record of an authentication.
// The order of the fields is part of the API: clients have only ever seen this one.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Document))]
pub(crate) struct Record<'a> {
    /// The registry's verdict. Null if there is none
    #[cfg_attr(feature = "openapi", schema(required))]
    auth_success: Option<bool>,
    /// The document's id in the system of the caller
    #[cfg_attr(feature = "openapi", schema(required))]
    document_id: Option<&'a str>,
    document_title: &'a str,
    /// Why the document was not authenticated
    #[cfg_attr(feature = "openapi", schema(required))]
    error_message: Option<&'a str>,
    /// When the result was published
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    event_published_at: Option<String>,
    /// The body of the registry's response, which can be any JSON value, or null
    external_api_response: Value,
    /// The status of the registry's response
    #[cfg_attr(feature = "openapi", schema(required, minimum = 100, maximum = 599))]
    external_api_status_code: Option<u16>,
    id: &'a str,
    #[cfg_attr(feature = "openapi", schema(pattern = "^[1-9][0-9]{5,11}$"))]
    id_citizen: &'a str,
    /// The id that identifies the request
    message_id: &'a str,
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    processed_at: Option<String>,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    received_at: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::status))]
    status: &'static str,
    /// The document's URL without its query, which is a credential
    url_document: &'a str,
}

/// A record as an operator sees it. The fields are written by `crates/jobs`.
#[cfg(feature = "openapi")]
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = DocumentDetails)]
pub(crate) struct HeldRecord<'a> {
    #[serde(flatten)]
    record: Record<'a>,
    /// The subject of the token that asked first. Null for records of earlier versions
    #[schema(required, max_length = 128)]
    requested_by: Option<String>,
    /// The id of that request in the log. Null for records of earlier versions
    #[schema(required, max_length = 128)]
    request_id: Option<String>,
}
