//! No body makes the parser of JSON bodies panic.

use super::*;
use proptest::prelude::*;

const CASES: u32 = if cfg!(debug_assertions) { 1_000 } else { 100_000 };

/// Pieces of valid and of invalid JSON.
const PIECES: [&str; 28] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\"refresh\"",
    "\"access\"",
    "\"a\"",
    "\"\"",
    "null",
    "true",
    "0",
    "-0",
    "1e999",
    "-1.5E-7",
    "18446744073709551616",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\\x\"",
    "\"",
    "\u{feff}",
    "é",
    "//",
    "'",
    "\\",
];

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields are only read by serde")]
struct Body {
    refresh: String,
    access: Option<u64>,
    #[serde(default)]
    a: Vec<Body>,
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..24);
    let value =
        prop::sample::select(vec!["\"text\"", "7", "null", "[]", "{}", "[{\"refresh\": \"t\"}]", "tru", "\"\\u\""]);
    let name = prop::sample::select(vec!["refresh", "access", "a", "b", "\\u0061"]);
    let fields = prop::collection::vec((name, value), 0..5);
    let object = fields.prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    });
    let nested = (0..3_000_usize, prop::sample::select(vec!["[", "{\"a\":"]))
        .prop_map(|(depth, open)| open.repeat(depth).into());
    prop_oneof![
        6 => pieces.prop_map(|pieces| pieces.concat().into_bytes()),
        6 => object,
        6 => prop::collection::vec(any::<u8>(), 0..120),
        1 => nested,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn any_body_is_parsed_or_refused_with_a_reason(body in body()) {
        for error in [parse_object::<Body>(&body).err(), check_object(&body).err()].into_iter().flatten() {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
