//! The part of a response's body that is kept as evidence.

use serde_json::{Map, Value};

/// The longest text that is kept, in characters.
const KEPT_TEXT: usize = 4_096;

/// The longest JSON that is kept as JSON, in bytes.
const KEPT_JSON: usize = 8 * 1024;

/// The deepest nesting of arrays and objects that is kept as JSON. The JSON functions of `MariaDB`
/// support no deeper one.
const KEPT_DEPTH: usize = 32;

/// Turns a response's body into JSON text of bounded length, whatever it is. `complete` is false if
/// the body was cut off.
///
/// JSON stays JSON; its texts are trimmed and lose NUL characters, which not every database takes.
/// Other text, and JSON that is too long or too deep, becomes a JSON string. Of an HTML page only
/// the size is kept, because it says nothing about a citizen. The result is `None` for a body that
/// is empty, null or an empty string.
///
/// ```
/// use connectivity_registry_http::body::evidence;
///
/// assert_eq!(evidence(b"\"registered with Operator A \"", true).as_deref(), Some("\"registered with Operator A\""));
/// assert_eq!(evidence(b"no JSON", true).as_deref(), Some("\"no JSON\""));
/// assert_eq!(evidence(b" ", true), None);
/// ```
pub fn evidence(bytes: &[u8], complete: bool) -> Option<String> {
    let text = clean_text(&String::from_utf8_lossy(bytes));
    if text.is_empty() {
        return None;
    }
    if text.starts_with('<') {
        return Some(Value::from(format!("[HTML, {} bytes]", bytes.len())).to_string());
    }
    let json = if complete && text.len() <= KEPT_JSON { serde_json::from_str(&text).ok() } else { None };
    match json.and_then(|json| clean(json, KEPT_DEPTH)) {
        Some(Value::Null) => None,
        Some(Value::String(text)) => (!text.is_empty()).then(|| Value::from(shorten(&text)).to_string()),
        Some(json) => Some(json.to_string()),
        None => Some(Value::from(shorten(&text)).to_string()),
    }
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
        assert_eq!(evidence(body.as_bytes(), true).as_deref(), expected, "{body:?}");
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
        assert_eq!(evidence(b"{\"a\": 1", false).as_deref(), Some("\"{\\\"a\\\": 1\""));
        assert_eq!(evidence(b"[1]", false).as_deref(), Some("\"[1]\""));
        check(&nested(KEPT_DEPTH), Some(&nested(KEPT_DEPTH)));
        for depth in [KEPT_DEPTH + 1, 200, 4_000] {
            let expected: String = nested(depth).chars().take(KEPT_TEXT).collect();
            check(&nested(depth), Some(&format!("\"{expected}\"")));
        }
        let long = format!("[{}1]", "1,".repeat(KEPT_JSON / 2));
        check(&long, Some(&format!("\"{}\"", &long[..KEPT_TEXT])));
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
            if let Some(kept) = evidence(&bytes, complete) {
                let json: Value = serde_json::from_str(&kept).expect("JSON");
                prop_assert!(kept.len() <= 64 * 1024, "{} bytes", kept.len());
                prop_assert!(!json.is_null());
                prop_assert!(json.as_str().is_none_or(|text| !text.contains('\0')));
            }
        }
    }
}
