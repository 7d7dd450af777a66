//! What is kept of an answer's body.

use serde_json::{Map, Value};

/// Longest text that is kept as evidence, in characters. The registry's sentences have about 100.
const KEPT_TEXT: usize = 4_096;

/// Longest JSON that is kept as it is, in bytes.
const KEPT_JSON: usize = 8 * 1024;

/// Deepest JSON that is kept as it is, in arrays and objects within each other: as deep as the JSON functions of
/// `MariaDB` go.
const KEPT_DEPTH: usize = 32;

/// Makes JSON text of an answer's body, whatever it is; `complete` is false where its end was not read.
///
/// JSON stays JSON, its texts without NUL (not every database takes it) and without the trailing blanks this registry
/// is known for; other text, and JSON too long or too deep, becomes a JSON string; a page of HTML only its size, for
/// it says nothing about a citizen. A body that says nothing is nothing.
pub fn registry_body(bytes: &[u8], complete: bool) -> Option<String> {
    let text = tidy_text(&String::from_utf8_lossy(bytes));
    if text.is_empty() {
        return None;
    }
    if text.starts_with('<') {
        return Some(Value::from(format!("[HTML, {} bytes]", bytes.len())).to_string());
    }
    let json = if complete && text.len() <= KEPT_JSON { serde_json::from_str(&text).ok() } else { None };
    match json.and_then(|json| tidy(json, KEPT_DEPTH)) {
        Some(Value::Null) => None,
        Some(Value::String(said)) => (!said.is_empty()).then(|| Value::from(shorten(&said)).to_string()),
        Some(json) => Some(json.to_string()),
        None => Some(Value::from(shorten(&text)).to_string()),
    }
}

/// The same JSON with its texts tidied; nothing where it is deeper than `depth`.
fn tidy(json: Value, depth: usize) -> Option<Value> {
    match json {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(json),
        Value::String(text) => Some(tidy_text(&text).into()),
        Value::Array(items) => {
            let within = depth.checked_sub(1)?;
            items.into_iter().map(|item| tidy(item, within)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Value::Object(members) => {
            let within = depth.checked_sub(1)?;
            let members = members.into_iter().map(|(name, value)| Some((tidy_text(&name), tidy(value, within)?)));
            members.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
    }
}

fn tidy_text(text: &str) -> String {
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
        assert_eq!(registry_body(body.as_bytes(), true).as_deref(), expected, "{body:?}");
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn bodies_of_all_kinds_become_json_or_nothing() {
        let prose = "El ciudadano con id: 1128456232 se encuentra registrado en el operador: Operador Ciudadano";
        check(&format!("\"{prose} \""), Some(&format!("\"{prose}\"")));
        check("no json at all ", Some("\"no json at all\""));
        check("<!DOCTYPE html><h1>Error</h1>", Some("\"[HTML, 29 bytes]\""));
        check("{ \"a\": [1, 2] }", Some("{\"a\":[1,2]}"));
        check("{\"a \": [\" x \", {\"b\": \"y\\n\"}]}", Some("{\"a\":[\"x\",{\"b\":\"y\"}]}"));
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        for body in ["", " \r\n", "\0", "null", "\"\"", "\"  \"", "\"\\u0000\""] {
            check(body, None);
        }
    }

    #[test]
    fn nul_is_not_kept_written_out_or_escaped() {
        check("a\0b", Some("\"ab\""));
        check("{\"a\\u0000\": [\"\\u0000b\"]}", Some("{\"a\":[\"b\"]}"));
        // A backslash before "u0000" is six harmless characters.
        check("[\"\\\\u0000\"]", Some("[\"\\\\u0000\"]"));
    }

    #[test]
    fn json_that_is_cut_too_deep_or_too_long_is_kept_as_text() {
        assert_eq!(registry_body(b"{\"a\": 1", false).as_deref(), Some("\"{\\\"a\\\": 1\""));
        assert_eq!(registry_body(b"[1]", false).as_deref(), Some("\"[1]\""));
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
        fn any_bytes_become_bounded_json_without_nul(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20_000),
                "[\\[\\]{}\",:a0\\\\u ]{0,200}".prop_map(String::into_bytes),
            ],
            complete: bool,
        ) {
            if let Some(kept) = registry_body(&bytes, complete) {
                let json: Value = serde_json::from_str(&kept).expect("JSON");
                prop_assert!(kept.len() <= 64 * 1024, "{} bytes", kept.len());
                prop_assert!(!json.is_null());
                prop_assert!(json.as_str().is_none_or(|text| !text.contains('\0')));
            }
        }
    }
}
