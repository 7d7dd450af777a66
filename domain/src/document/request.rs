//! What is asked: a document, whose it is, and under which message.

use crate::citizen::CitizenId;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// Longest message that is read, in bytes. The longest one that is valid stays under 20 KiB.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Longest URL, in characters (records contract).
const MAX_URL: usize = 4096;

/// Longest title and longest document id, in characters (records contract).
const MAX_TEXT: usize = 200;

/// Longest message id, in characters. Something may be appended to it: the column has room for 200.
const MAX_MESSAGE_ID: usize = 128;

/// Longest message id at all, in characters (the column's length).
const MAX_KNOWN_ID: usize = 200;

/// What a name-based id (RFC 9562 section 5.5) of this service is made under.
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x8a0e_6b1c_52f4_4d5e_9d6f_3c1b_7f20_a9e4);

/// Where a document can be fetched: an absolute http(s) URL without user information.
///
/// Its query is usually a credential: `Debug` leaves it out, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentUrl(String);

/// What identifies a request: the same id is the same request, however often it comes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(String);

/// A document whose authenticity is asked for (messages contract).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRequest {
    /// Whose it is.
    pub citizen: CitizenId,
    /// Where it is.
    pub url: DocumentUrl,
    /// What it is called: 1 to 200 characters.
    pub title: String,
    /// What the asker calls it.
    pub document_id: Option<String>,
}

/// A request as it comes in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The id it was given, if any.
    pub message_id: Option<MessageId>,
    /// What is asked.
    pub request: DocumentRequest,
}

/// A request as it is written: the known fields, of any kind. One that is there twice is an error, for whoever reads the first
/// and whoever reads the last would see two requests (RFC 8259 section 4).
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

/// Why something is no request. The messages say what to change and repeat nothing of what came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Longer than [`MAX_MESSAGE`].
    #[error("it is longer than {MAX_MESSAGE} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Not JSON, or an array, a text, a number.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// Which of them was meant?
    #[error("one of its fields is there twice, or UrlDocument and urlDocument differ")]
    Repeated,
    /// A field is missing or wrong.
    #[error("{field} {what}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

fn wrong(field: &'static str, what: impl Into<String>) -> RequestError {
    RequestError::Field { field, what: what.into() }
}

impl DocumentUrl {
    /// Reads a URL (RFC 3986 section 3, no user information).
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().count() > MAX_URL {
            return Err("must have at most 4096 characters");
        }
        let scheme = ["https://", "http://"]
            .into_iter()
            .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        let Some(scheme) = scheme else { return Err("must begin with https:// or http://") };
        // Some readers take a backslash for a slash: what is a host to one is user information to another.
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("must be without blanks, control characters and backslashes");
        }
        let rest = &text[scheme.len()..];
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("must be without user and password");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() || port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
            return Err("must name a host");
        }
        Ok(Self(text.to_owned()))
    }

    /// The whole of it, a credential perhaps.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without query and fragment.
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
    /// An id that somebody gave: 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let good = (1..=MAX_MESSAGE_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if good { Ok(Self(text.to_owned())) } else { Err("must be of 1 to 128 visible ASCII characters") }
    }

    /// An id that [`MessageId::as_str`] showed; a replay's may be longer than what anybody may give.
    pub fn known(text: &str) -> Option<Self> {
        let good = (1..=MAX_KNOWN_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self(text.to_owned()))
    }

    /// An id made of some content: the same content, the same id.
    pub fn digest(content: &[u8]) -> Self {
        Self(uuid::Uuid::new_v5(&NAMESPACE, content).to_string())
    }

    /// The id of the `number`th replay of a request that ended without a verdict: a request of its own.
    #[must_use]
    pub fn replay(&self, number: u32) -> Self {
        Self(format!("{}~{number}", self.0.split('~').next().unwrap_or_default()))
    }

    /// The id of the event with its result: always the same, so that a repeated event can be recognised.
    pub fn result_id(&self) -> String {
        uuid::Uuid::new_v5(&NAMESPACE, format!("result:{}", self.0).as_bytes()).to_string()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Submission {
    /// Reads a request (messages contract). Fields that are not known do not matter.
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
            // The fields may be of any kind: nothing else can be wrong with what is JSON.
            Err(error) if error.is_data() => Err(RequestError::Repeated),
            Err(_) => Err(RequestError::NotAnObject),
        }
    }

    fn from_fields(fields: Fields) -> Result<Self, RequestError> {
        let citizen = match fields.citizen {
            Some(Value::Number(number)) if number.is_u64() => number.to_string(),
            Some(Value::String(text)) => text,
            None => return Err(wrong("idCitizen", "is missing")),
            Some(_) => return Err(wrong("idCitizen", "must be a whole number of 6 to 12 digits or a text of them")),
        };
        let citizen = CitizenId::parse(&citizen).map_err(|error| wrong("idCitizen", error.to_string()))?;
        let (url_field, url) = match (fields.url, fields.other_url) {
            (Some(one), Some(other)) if one != other => return Err(RequestError::Repeated),
            (Some(url), _) => ("UrlDocument", Some(url)),
            (None, other) => ("UrlDocument", other),
        };
        let url = DocumentUrl::parse(&text(url_field, url)?).map_err(|what| wrong(url_field, what))?;
        let title = bounded("documentTitle", text("documentTitle", fields.title)?.trim())?;
        let document_id = match fields.document_id {
            None => None,
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::String(text)) => Some(bounded("documentId", &text)?),
            Some(_) => return Err(wrong("documentId", "must be a text or a number")),
        };
        let message_id = match fields.message_id {
            None => None,
            Some(Value::String(text)) => Some(MessageId::parse(&text).map_err(|what| wrong("messageId", what))?),
            Some(_) => return Err(wrong("messageId", "must be a text")),
        };
        Ok(Self { message_id, request: DocumentRequest { citizen, url, title, document_id } })
    }
}

fn text(field: &'static str, value: Option<Value>) -> Result<String, RequestError> {
    match value {
        Some(Value::String(text)) => Ok(text),
        None => Err(wrong(field, "is missing")),
        Some(_) => Err(wrong(field, "must be a text")),
    }
}

fn bounded(field: &'static str, text: &str) -> Result<String, RequestError> {
    if text.is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(wrong(field, "must have 1 to 200 characters, and no control characters"));
    }
    Ok(text.to_owned())
}
