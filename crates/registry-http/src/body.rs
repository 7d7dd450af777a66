//! The part of a response's body that is kept as evidence.

use serde_json::{Map, Value};

/// The longest text that is kept, in characters.
const KEPT_TEXT: usize = 4_096;

/// The longest JSON that is kept as JSON, in bytes.
const KEPT_JSON: usize = 8 * 1024;

/// The deepest nesting of arrays and objects that is kept as JSON. The JSON functions of `MariaDB`
/// support no deeper one.
const KEPT_DEPTH: usize = 32;

/// A response's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The body as JSON text of bounded length, whatever it was. `None` for a body that is empty,
    /// null or an empty string.
    pub kept: Option<String>,
    /// Whether the body was complete and JSON, and neither null nor an empty string. A page of a
    /// proxy or of a hosting provider is not.
    pub is_json: bool,
}

/// Turns a response's body into JSON text of bounded length. `complete` is false if the body was cut
/// off.
///
/// JSON stays JSON; its texts are trimmed and lose NUL characters, which not every database takes.
/// Other text, and JSON that is too long or too deep, becomes a JSON string. Of an HTML page only
/// the size is kept, because it says nothing about a citizen.
///
/// ```
/// use connectivity_registry_http::body::read;
///
/// let json = read(b"\"registered with Operator A \"", true);
/// assert_eq!((json.kept.as_deref(), json.is_json), (Some("\"registered with Operator A\""), true));
/// let text = read(b"no JSON", true);
/// assert_eq!((text.kept.as_deref(), text.is_json), (Some("\"no JSON\""), false));
/// let empty = read(b" ", true);
/// assert_eq!((empty.kept, empty.is_json), (None, false));
/// ```
pub fn read(bytes: &[u8], complete: bool) -> Body {
    let text = clean_text(&String::from_utf8_lossy(bytes));
    let json: Option<Value> = if complete { serde_json::from_str(&text).ok() } else { None };
    let was_json = json.is_some();
    let kept = match json.filter(|_| text.len() <= KEPT_JSON).and_then(|json| clean(json, KEPT_DEPTH)) {
        Some(Value::Null) => None,
        Some(Value::String(text)) => (!text.is_empty()).then(|| shorten(&text).into()),
        Some(json) => Some(json),
        None if text.is_empty() => None,
        None if text.starts_with('<') => Some(format!("[HTML, {} bytes]", bytes.len()).into()),
        None => Some(shorten(&text).into()),
    };
    Body { is_json: was_json && kept.is_some(), kept: kept.map(|kept: Value| kept.to_string()) }
}

/// Returns the same JSON with its texts cleaned; `None` if it is nested deeper than `depth`.
fn clean(json: Value, depth: usize) -> Option<Value> {
    match json {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(json),
        Value::String(text) => Some(clean_text(&text).into()),
        Value::Array(items) => {
            let inner = depth.checked_sub(1)?;
            items.into_iter().map(|item| clean(item, inner)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Value::Object(members) => {
            let inner = depth.checked_sub(1)?;
            let members = members.into_iter().map(|(name, value)| Some((clean_text(&name), clean(value, inner)?)));
            members.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
    }
}

fn clean_text(text: &str) -> String {
    text.replace('\0', "").trim().to_owned()
}

fn shorten(text: &str) -> String {
    text.chars().take(KEPT_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(body: &str, expected: Option<&str>) {
        assert_eq!(read(body.as_bytes(), true).kept.as_deref(), expected, "{body:?}");
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn every_kind_of_body_becomes_json() {
        let prose = "El ciudadano con id: 1128456232 se encuentra registrado en el operador: Operador Ciudadano";
        check(&format!("\"{prose} \""), Some(&format!("\"{prose}\"")));
        check("no json at all ", Some("\"no json at all\""));
        check("<!DOCTYPE html><h1>Error</h1>", Some("\"[HTML, 29 bytes]\""));
        check("{ \"a\": [1, 2] }", Some("{\"a\":[1,2]}"));
        check("{\"a \": [\" x \", {\"b\": \"y\\n\"}]}", Some("{\"a\":[\"x\",{\"b\":\"y\"}]}"));
    }

    #[test]
    fn empty_body_is_none() {
        for body in ["", " \r\n", "\0", "null", "\"\"", "\"  \"", "\"\\u0000\""] {
            check(body, None);
        }
    }

    #[test]
    fn nul_characters_are_removed() {
        check("a\0b", Some("\"ab\""));
        check("{\"a\\u0000\": [\"\\u0000b\"]}", Some("{\"a\":[\"b\"]}"));
        // A backslash before "u0000" is six harmless characters.
        check("[\"\\\\u0000\"]", Some("[\"\\\\u0000\"]"));
    }

    #[test]
    fn json_that_is_incomplete_too_deep_or_too_long_is_kept_as_text() {
        assert_eq!(read(b"{\"a\": 1", false).kept.as_deref(), Some("\"{\\\"a\\\": 1\""));
        assert_eq!(read(b"[1]", false).kept.as_deref(), Some("\"[1]\""));
        check(&nested(KEPT_DEPTH), Some(&nested(KEPT_DEPTH)));
        for depth in [KEPT_DEPTH + 1, 200, 4_000] {
            let expected: String = nested(depth).chars().take(KEPT_TEXT).collect();
            check(&nested(depth), Some(&format!("\"{expected}\"")));
        }
        let long = format!("[{}1]", "1,".repeat(KEPT_JSON / 2));
        check(&long, Some(&format!("\"{}\"", &long[..KEPT_TEXT])));
    }

    #[test]
    fn only_complete_json_that_says_something_is_json() {
        let long = format!("\"{}\"", "x".repeat(2 * KEPT_JSON));
        for body in ["\"registered \"", " {} ", "[1]", "7", "true", &nested(KEPT_DEPTH + 1), &long] {
            assert!(read(body.as_bytes(), true).is_json, "{body}");
            assert!(!read(body.as_bytes(), false).is_json, "{body}");
        }
        for body in ["", " ", "null", "\"\"", "\" \"", "OK", "<!DOCTYPE html><h1>Down</h1>", "{\"a\": 1", "\"a\" b"] {
            assert!(!read(body.as_bytes(), true).is_json, "{body}");
        }
    }

    proptest! {
        #[test]
        fn result_is_bounded_json_without_nul(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20_000),
                "[\\[\\]{}\",:a0\\\\u ]{0,200}".prop_map(String::into_bytes),
            ],
            complete: bool,
        ) {
            if let Some(kept) = read(&bytes, complete).kept {
                let json: Value = serde_json::from_str(&kept).expect("JSON");
                prop_assert!(kept.len() <= 64 * 1024, "{} bytes", kept.len());
                prop_assert!(!json.is_null());
                prop_assert!(json.as_str().is_none_or(|text| !text.contains('\0')));
            }
        }
    }
}
