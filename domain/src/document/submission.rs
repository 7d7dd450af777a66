//! Requests as they arrive in messages and HTTP bodies.

use super::request::DocumentRequest;
use super::url::DocumentUrl;
use crate::citizen::CitizenId;
use crate::job::MessageId;
use serde::Deserialize;
use serde_json::Value;

/// The largest request that is parsed, in bytes. The largest valid request has less than 20 KiB.
pub(super) const MAX_REQUEST: usize = 64 * 1024;

/// The longest title and the longest document id, in characters (records contract).
const MAX_TEXT: usize = 200;

/// A parsed request and the message id that the caller gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The message id, if the caller gave one.
    pub message_id: Option<MessageId>,
    /// The request.
    pub request: DocumentRequest,
}

/// The known fields of a request, of any JSON type. A field that appears twice is an error, because
/// parsers differ in which of the two values they use (RFC 8259 section 4).
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "messageId")]
    message_id: Option<Value>,
    #[serde(rename = "documentId")]
    document_id: Option<Value>,
    #[serde(rename = "idCitizen")]
    citizen: Option<Value>,
    #[serde(rename = "UrlDocument")]
    url: Option<Value>,
    #[serde(rename = "urlDocument")]
    other_url: Option<Value>,
    #[serde(rename = "documentTitle")]
    title: Option<Value>,
}

/// Why a request is invalid. The messages say what to change and do not repeat the content of the
/// request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The request is longer than 64 KiB.
    #[error("the request is longer than {MAX_REQUEST} bytes")]
    TooLong,
    /// The request is not UTF-8.
    #[error("the request is not valid UTF-8")]
    NotUtf8,
    /// The request is not JSON, or is JSON but not an object.
    #[error("the request is not a JSON object")]
    NotAnObject,
    /// A field appears twice, or two spellings of a field have different values.
    #[error("a field appears twice, or UrlDocument and urlDocument have different values")]
    Repeated,
    /// A field is missing or invalid.
    #[error("{field} {what}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// What is wrong with the field.
        what: String,
    },
}

fn wrong(field: &'static str, what: impl Into<String>) -> RequestError {
    RequestError::Field { field, what: what.into() }
}

impl Submission {
    /// Parses a request (messages contract). Unknown fields are ignored.
    ///
    /// ```
    /// use connectivity_domain::document::Submission;
    ///
    /// let json = br#"{"messageId": "m-1", "idCitizen": 1128456232, "UrlDocument":
    /// "https://host/file.pdf", "documentTitle": "Diploma"}"#; let submission =
    /// Submission::parse(json).expect("a valid request");
    /// assert_eq!(submission.message_id.expect("an id").as_str(), "m-1");
    /// assert_eq!(submission.request.title, "Diploma");
    ///
    /// let error = Submission::parse(b"{}").expect_err("the fields are missing");
    /// assert_eq!(error.to_string(), "idCitizen is missing");
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_REQUEST {
            return Err(RequestError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RequestError::NotUtf8)?;
        if !text.trim_start().starts_with('{') {
            return Err(RequestError::NotAnObject);
        }
        match serde_json::from_str::<Fields>(text) {
            Ok(fields) => Self::from_fields(fields),
            // The fields accept any JSON type, so a duplicate field is the only possible data
            // error.
            Err(error) if error.is_data() => Err(RequestError::Repeated),
            Err(_) => Err(RequestError::NotAnObject),
        }
    }

    fn from_fields(fields: Fields) -> Result<Self, RequestError> {
        let citizen = match fields.citizen {
            Some(Value::Number(number)) if number.is_u64() => number.to_string(),
            Some(Value::String(text)) => text,
            None => return Err(wrong("idCitizen", "is missing")),
            Some(_) => return Err(wrong("idCitizen", "must be a whole number or a string of 6 to 12 digits")),
        };
        let citizen = CitizenId::parse(&citizen).map_err(|error| wrong("idCitizen", error.to_string()))?;
        let url = match (fields.url, fields.other_url) {
            (Some(one), Some(other)) if one != other => return Err(RequestError::Repeated),
            (one, other) => one.or(other),
        };
        let url = DocumentUrl::parse(&text("UrlDocument", url)?).map_err(|what| wrong("UrlDocument", what))?;
        let title = bounded("documentTitle", text("documentTitle", fields.title)?.trim())?;
        let document_id = match fields.document_id {
            None => None,
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::String(text)) => Some(bounded("documentId", &text)?),
            Some(_) => return Err(wrong("documentId", "must be a string or a number")),
        };
        let message_id = match fields.message_id {
            None => None,
            Some(Value::String(text)) => Some(MessageId::parse(&text).map_err(|what| wrong("messageId", what))?),
            Some(_) => return Err(wrong("messageId", "must be a string")),
        };
        Ok(Self { message_id, request: DocumentRequest { citizen, url, title, document_id } })
    }
}

fn text(field: &'static str, value: Option<Value>) -> Result<String, RequestError> {
    match value {
        Some(Value::String(text)) => Ok(text),
        None => Err(wrong(field, "is missing")),
        Some(_) => Err(wrong(field, "must be a string")),
    }
}

fn bounded(field: &'static str, text: &str) -> Result<String, RequestError> {
    if text.is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(wrong(field, "must have 1 to 200 characters and no control characters"));
    }
    Ok(text.to_owned())
}
