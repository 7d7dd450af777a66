//! Reads request bodies that must be JSON objects, and says exactly what is wrong with one that is
//! not.

mod error;
mod fields;

pub use error::JsonBodyError;

use crate::problem::Problem;
use connectivity_domain::problem::ProblemKind;
use fields::Fields;
use http::{HeaderMap, HeaderValue, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

/// The byte order mark U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl From<JsonBodyError> for Problem {
    fn from(error: JsonBodyError) -> Self {
        let problem = Self::new(ProblemKind::InvalidRequest, error.to_string());
        match error.field() {
            Some(name) => problem.field(name.to_owned()),
            None => problem,
        }
    }
}

/// Checks that the headers declare a JSON body without an encoding (RFC 9110 sections 8.4 and 12.5.3).
///
/// # Errors
///
/// A problem with the status 415.
pub fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        let problem = Problem::new(ProblemKind::UnsupportedMediaType, "send the body without Content-Encoding");
        return Err(problem.header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "send the body as Content-Type: application/json";
    Err(Problem::new(ProblemKind::UnsupportedMediaType, detail))
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
///
/// ```
/// use connectivity_edge::json_body::parse_object;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Refresh {
///     refresh: String,
/// }
///
/// let parsed: Refresh = parse_object(br#"{"refresh": "token"}"#).unwrap();
/// assert_eq!(parsed.refresh, "token");
///
/// let error = parse_object::<Refresh>(b"[\"token\"]").unwrap_err();
/// assert_eq!(error.to_string(), "the body is a JSON array: send a JSON object");
/// ```
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

/// Checks that a body is a JSON object in which no field occurs twice, whatever its fields are.
pub fn check_object(body: &[u8]) -> Result<(), JsonBodyError> {
    parse_fields(body)?.check_names()
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
mod fuzz;
#[cfg(test)]
mod tests;
