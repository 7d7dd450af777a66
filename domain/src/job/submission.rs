//! Requests as they arrive in messages and HTTP bodies: JSON objects.

use super::message_id::MessageId;
use super::record::Question;
use crate::citizen::CitizenId;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The largest request that is parsed, in bytes. The largest valid request has less than 20 KiB.
pub const MAX_REQUEST: usize = 64 * 1024;

/// The longest text in a request, in characters (records contract).
const MAX_TEXT: usize = 200;

/// A parsed request and the message id that the caller gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission<Q> {
    /// The message id, if the caller gave one.
    pub message_id: Option<MessageId>,
    /// The request.
    pub request: Q,
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
    /// A field appears twice, or two spellings of a field have different values. The text says
    /// which fields have two spellings.
    #[error("{0}")]
    Repeated(&'static str),
    /// A field is missing or invalid.
    #[error("{field} {what}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// What is wrong with the field.
        what: String,
    },
}

impl RequestError {
    /// Creates the error of a field. `what` is the end of a sentence that begins with the field.
    pub fn field(field: &'static str, what: impl Into<String>) -> Self {
        Self::Field { field, what: what.into() }
    }
}

impl<Q: Question> Submission<Q> {
    /// Parses a request (messages contract). See [`Question::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        Q::parse(bytes)
    }
}

/// Parses the fields of a request. The fields of `T` are of type `Option<Value>`, so that a
/// duplicate field is the only possible error about them; `repeated` describes it. Parsers differ in
/// which of two values they use (RFC 8259 section 4).
pub fn parse_fields<T: DeserializeOwned>(bytes: &[u8], repeated: &'static str) -> Result<T, RequestError> {
    if bytes.len() > MAX_REQUEST {
        return Err(RequestError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| RequestError::NotUtf8)?;
    if !text.trim_start().starts_with('{') {
        return Err(RequestError::NotAnObject);
    }
    serde_json::from_str(text)
        .map_err(|error| if error.is_data() { RequestError::Repeated(repeated) } else { RequestError::NotAnObject })
}

/// Parses the id of a citizen: digits, as a whole number or as a string.
pub fn citizen(field: &'static str, value: Option<Value>) -> Result<CitizenId, RequestError> {
    let value = value.ok_or_else(|| RequestError::field(field, "is missing"))?;
    CitizenId::from_json(&value).map_err(|error| RequestError::field(field, error.to_string()))
}

/// Parses the id that the caller gave the request.
pub fn message_id(field: &'static str, value: Option<Value>) -> Result<Option<MessageId>, RequestError> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => MessageId::parse(&text).map(Some).map_err(|what| RequestError::field(field, what)),
        Some(_) => Err(RequestError::field(field, "must be a string")),
    }
}

/// Parses a string.
pub fn string(field: &'static str, value: Option<Value>) -> Result<String, RequestError> {
    match value {
        Some(Value::String(text)) => Ok(text),
        None => Err(RequestError::field(field, "is missing")),
        Some(_) => Err(RequestError::field(field, "must be a string")),
    }
}

/// Checks that a text has 1 to 200 characters and no control characters.
pub fn bounded(field: &'static str, text: &str) -> Result<String, RequestError> {
    if text.is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(RequestError::field(field, "must have 1 to 200 characters and no control characters"));
    }
    Ok(text.to_owned())
}
