//! Requests to authenticate a document, and their ids.

use crate::citizen::CitizenId;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// The largest message that is parsed, in bytes. The largest valid message has less than 20 KiB.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The longest URL, in characters (records contract).
const MAX_URL: usize = 4096;

/// The longest title and the longest document id, in characters (records contract).
const MAX_TEXT: usize = 200;

/// The longest message id that is accepted from a caller, in characters. [`MessageId::replay`] may
/// append to it.
const MAX_MESSAGE_ID: usize = 128;

/// The longest message id that can be stored, in characters.
const MAX_KNOWN_ID: usize = 200;

/// The namespace of the name-based UUIDs of this service (RFC 9562 section 5.5).
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x8a0e_6b1c_52f4_4d5e_9d6f_3c1b_7f20_a9e4);

/// The location of a document: an absolute `http` or `https` URL without user information.
///
/// The query of the URL is usually a credential, so `Debug` omits it and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentUrl(String);

/// The id of a request, which is its idempotency key: two deliveries with the same id are the same
/// request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(String);

/// A request to authenticate a document (messages contract).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRequest {
    /// The citizen who owns the document.
    pub citizen: CitizenId,
    /// The location of the document.
    pub url: DocumentUrl,
    /// The title of the document: 1 to 200 characters.
    pub title: String,
    /// The id of the document in the system of the caller.
    pub document_id: Option<String>,
}

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
    /// The request is longer than [`MAX_MESSAGE`].
    #[error("the request is longer than {MAX_MESSAGE} bytes")]
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

impl DocumentUrl {
    /// Parses a URL (RFC 3986 section 3). The error says what the URL must look like.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().count() > MAX_URL {
            return Err("must have at most 4096 characters");
        }
        let scheme = ["https://", "http://"]
            .into_iter()
            .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        let Some(scheme) = scheme else { return Err("must start with https:// or http://") };
        // Some parsers treat a backslash as a slash, so they would see another host.
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("must not contain white space, control characters or backslashes");
        }
        let rest = &text[scheme.len()..];
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("must not contain a user name or password");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() || port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
            return Err("must have a host and, if it has a port, a valid one");
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the whole URL, which may contain a credential.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the URL without its query and fragment.
    pub fn without_query(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or_default()
    }
}

impl fmt::Debug for DocumentUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DocumentUrl({}…)", self.without_query())
    }
}

impl MessageId {
    /// Parses the id that a caller gave a request: 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let good = (1..=MAX_MESSAGE_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if good { Ok(Self(text.to_owned())) } else { Err("must be 1 to 128 visible ASCII characters") }
    }

    /// Parses an id that this service stored or sent. The id of a replay may be longer than the ids
    /// that callers may give.
    pub fn known(text: &str) -> Option<Self> {
        let good = (1..=MAX_KNOWN_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self(text.to_owned()))
    }

    /// Returns the id for a request without one, derived from its content.
    pub fn digest(content: &[u8]) -> Self {
        Self(uuid::Uuid::new_v5(&NAMESPACE, content).to_string())
    }

    /// Returns the id of the `number`th replay of a request that ended without a verdict. A replay
    /// is a request of its own.
    #[must_use]
    pub fn replay(&self, number: u32) -> Self {
        Self(format!("{}~{number}", self.0.split('~').next().unwrap_or_default()))
    }

    /// Returns the id of the event with the result. It depends only on this id, so that consumers
    /// can recognise a repeated event.
    pub fn result_id(&self) -> String {
        uuid::Uuid::new_v5(&NAMESPACE, format!("result:{}", self.0).as_bytes()).to_string()
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Submission {
    /// Parses a request (messages contract). Unknown fields are ignored.
    ///
    /// ```
    /// use connectivity_domain::document::Submission;
    ///
    /// let json = br#"{"messageId": "m-1", "idCitizen": 1128456232, "UrlDocument": "https://host/file.pdf", "documentTitle": "Diploma"}"#;
    /// let submission = Submission::parse(json).expect("a valid request");
    /// assert_eq!(submission.message_id.expect("an id").as_str(), "m-1");
    /// assert_eq!(submission.request.title, "Diploma");
    ///
    /// let error = Submission::parse(b"{}").expect_err("the fields are missing");
    /// assert_eq!(error.to_string(), "idCitizen is missing");
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_MESSAGE {
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
