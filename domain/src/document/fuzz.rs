//! No message makes the parser of requests panic.

use super::*;
use proptest::prelude::*;

const CASES: u32 = if cfg!(debug_assertions) { 1_000 } else { 100_000 };

/// Text that is close to a request: the names of its fields, and values that are mostly of the right
/// type.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let names = vec!["messageId", "documentId", "idCitizen", "UrlDocument", "urlDocument", "documentTitle", "x", ""];
    let value = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "1128456232",
            "1128456232.0",
            "1e9",
            "1E-400",
            "-0",
            "\"001128456232\"",
            "{}",
            "[[]]",
            "\"https://h/f?q\"",
            "\"https://u:p@h\"",
            "\"//h\"",
            "\"\\ud800\"",
            "\"\\u0000\"",
            "\"",
            "18446744073709551616",
        ])
        .prop_map(str::to_owned),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    let field = (prop::sample::select(names), value).prop_map(|(name, value)| format!("\"{name}\": {value}"));
    let fields =
        prop::collection::vec(field, 0..7).prop_map(|fields| format!("{{{}}}", fields.join(", ")).into_bytes());
    prop_oneof![3 => fields, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn any_message_is_parsed_or_refused_with_a_reason(message in request()) {
        if let Err(error) = Submission::parse(&message) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
