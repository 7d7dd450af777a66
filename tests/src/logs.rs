//! Finds secrets and personal data in log lines. Every test's logs are searched when it ends.

use crate::access::SECRETS;
use crate::host::SECRET;
use serde_json::Value;

/// Fields that are not searched for citizen ids: times, durations and random ids may look like one.
const SKIPPED_FIELDS: [&str; 7] =
    ["time", "timestamp", "duration_ms", "request_id", "record", "trace_id", "line_number"];

/// Kinds of private data, and the text by which each is recognised.
const FORBIDDEN: [(&str, &str); 10] = [
    ("a token", "eyJ"),
    ("an authorization", "Bearer ey"),
    ("an authorization", "Basic "),
    ("a pre-signed URL's query", "X-Amz-"),
    ("a body", "citizen_id\\\":"),
    ("a body", "idCitizen\\\":"),
    ("a body", "UrlDocument\\\":"),
    ("a body", "refresh\\\":"),
    // `idCitizen` and `X-Amz-` as lists of bytes.
    ("a body", "105, 100, 67, 105, 116, 105, 122, 101, 110"),
    ("a pre-signed URL's query", "88, 45, 65, 109, 122, 45"),
];

/// Returns whether the line is one JSON object, or text that is not JSON at all.
pub fn is_whole(line: &str) -> bool {
    !line.starts_with('{') || serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object())
}

/// Returns the kind of private data that the line contains, if any.
pub fn leak(line: &str) -> Option<&'static str> {
    let secrets = [SECRET, SECRETS.operator, SECRETS.root, SECRETS.bridge];
    if secrets.iter().any(|secret| line.contains(secret)) {
        return Some("a secret");
    }
    let found = FORBIDDEN.iter().find(|(_, text)| line.contains(text) || line.contains(&text.replace('\\', "")));
    if let Some((what, _)) = found {
        return Some(what);
    }
    let text = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(mut fields)) => {
            fields.retain(|name, _| !SKIPPED_FIELDS.contains(&name.as_str()));
            Value::Object(fields).to_string()
        }
        _ => line.to_owned(),
    };
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    // A group of a UUID may be all digits.
    let words = words.filter(|word| word.matches('-').count() < 4);
    words.flat_map(|word| word.split('-')).any(is_citizen).then_some("a citizen's id")
}

/// Returns whether the word looks like a citizen id: 6 to 12 digits. Ports, statuses and counts are
/// shorter.
fn is_citizen(word: &str) -> bool {
    (6..=12).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_data_is_found() {
        for (line, what) in [
            (r#"{"message":"request","time":"2026-11-25T16:49:49.044936Z","duration_ms":0.118302,"status":200}"#, None),
            (r#"{"message":"request","request_id":"01a2139d-1412-7259-b20e-314469781950","status":200}"#, None),
            (r#"{"message":"request","path":"/api/v1/affiliation/1128456232"}"#, Some("a citizen's id")),
            (r#"{"cause":"citizen 1128456232 is odd"}"#, Some("a citizen's id")),
            (r#"{"cause":"ends in 6232"}"#, None),
            (r#"{"subject":"subject-37708976-b07f-4157-847e-314469781950"}"#, None),
            (r#"{"subject":"citizen-1128456232"}"#, Some("a citizen's id")),
            ("connectivity-host: affiliation failed at 127.0.0.1:54321", None),
            ("connectivity-host: GET /apis/validateCitizen/1128456232", Some("a citizen's id")),
            (r#"{"cause":"eyJ0eXAiOiJKV1QifQ.e30.x does not hold"}"#, Some("a token")),
            (
                r#"{"cause":"https://bucket.example/file.pdf?X-Amz-Signature=presigned"}"#,
                Some("a pre-signed URL's query"),
            ),
            (r#"{"cause":"no such field: {\"idCitizen\": true}"}"#, Some("a body")),
            (r#"{"reason":"idCitizen is missing"}"#, None),
            ("data: [34, 105, 100, 67, 105, 116, 105, 122, 101, 110, 34]", Some("a body")),
            ("wrong: the operator's secret", Some("a secret")),
        ] {
            assert_eq!(leak(line), what, "{line}");
        }
    }

    #[test]
    fn two_objects_in_one_line_are_found() {
        assert!(is_whole(r#"{"a":1}"#) && is_whole("Serving http://127.0.0.1:1"));
        assert!(!is_whole(r#"{"a":1}{"b":2}"#) && !is_whole(r#"{"a":1"#));
    }
}
