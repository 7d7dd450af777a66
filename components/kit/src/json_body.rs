//! Reads request bodies that must be JSON objects, and says exactly what is wrong with one that is not.

mod fields;

use crate::problem::{Problem, expect_json};
use connectivity_domain::problem::ProblemKind;
use fields::Fields;
use http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

/// The byte order mark U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Longest part of an unknown field's name that an error repeats, in characters.
const LONGEST_NAME: usize = 64;

/// Why a body is not the JSON object that is needed. The messages repeat nothing of the body but names of fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonBodyError {
    /// There are no bytes but white space.
    #[error("the body is empty: send a JSON object")]
    Empty,
    /// A byte order mark comes first, which RFC 8259 section 8.1 forbids.
    #[error("the body begins with a byte order mark: send UTF-8 without one")]
    ByteOrderMark,
    /// The bytes are not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The text is not JSON.
    #[error("the body is not valid JSON: {0}")]
    Syntax(String),
    /// The value is JSON, but not an object.
    #[error("the body is {0}: send a JSON object")]
    NotAnObject(&'static str),
    /// A field that is needed is missing.
    #[error("the field \"{0}\" is missing")]
    Missing(&'static str),
    /// A field occurs twice.
    #[error("the field \"{0}\" occurs more than once")]
    Duplicate(&'static str),
    /// A field is not one of those that are allowed.
    #[error("the field \"{name}\" is not known: the fields are {}", known.join(", "))]
    Unknown {
        /// The field's name, shortened.
        name: String,
        /// The names of the fields that are allowed.
        known: &'static [&'static str],
    },
    /// A field has a value of the wrong type.
    #[error("the field \"{name}\" has the wrong type: expected {expected}")]
    WrongType {
        /// The field's name.
        name: String,
        /// The type that is expected.
        expected: String,
    },
    /// The object is refused for another reason.
    #[error("the body is not the JSON object that is expected here")]
    Other,
}

impl JsonBodyError {
    /// Returns the name of the field that is wrong, if it is one field.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Missing(name) | Self::Duplicate(name) => Some(name),
            Self::Unknown { name, .. } | Self::WrongType { name, .. } => Some(name),
            Self::Empty
            | Self::ByteOrderMark
            | Self::NotUtf8
            | Self::Syntax(_)
            | Self::NotAnObject(_)
            | Self::Other => None,
        }
    }
}

impl From<JsonBodyError> for Problem {
    fn from(error: JsonBodyError) -> Self {
        let problem = Self::new(ProblemKind::InvalidRequest, error.to_string());
        match error.field() {
            Some(name) => problem.field(name.to_owned()),
            None => problem,
        }
    }
}

/// Reads the body of a request that is sent as JSON.
///
/// # Errors
///
/// A problem with the status 415 if the headers do not say that it is JSON, or 400 as [`parse_object`] says.
pub fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    expect_json(headers)?;
    Ok(parse_object(body)?)
}

/// Parses a JSON object.
///
/// Unlike `serde_json` it does not read a struct from an array of its fields.
pub fn parse_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, JsonBodyError> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{')
        && let Ok(parsed) = serde_json::from_slice(body)
    {
        return Ok(parsed);
    }
    // Only a body that is refused is read a second time, to find out why.
    let fields = parse_fields(body)?;
    fields.deserialize()
}

/// Parses the fields of a JSON object, whatever their names and types are.
fn parse_fields(body: &[u8]) -> Result<Fields, JsonBodyError> {
    if body.starts_with(BYTE_ORDER_MARK) {
        return Err(JsonBodyError::ByteOrderMark);
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(JsonBodyError::Empty);
    }
    let text = std::str::from_utf8(body).map_err(|_| JsonBodyError::NotUtf8)?;
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => {
            JsonBodyError::NotAnObject(serde_json::from_str(text).map_or("not an object", |it| kind(&it)))
        }
        Category::Syntax | Category::Eof | Category::Io => JsonBodyError::Syntax(error.to_string()),
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a JSON boolean",
        Value::Number(_) => "a JSON number",
        Value::String(_) => "a JSON string",
        Value::Array(_) => "a JSON array",
        Value::Object(_) => "a JSON object",
    }
}

#[cfg(test)]
mod tests;
