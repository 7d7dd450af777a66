//! No token makes the verifier panic, and none is accepted whose signature is not ours.

use super::tests::{SECRET, access};
use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use proptest::prelude::*;

const CASES: u32 = if cfg!(debug_assertions) { 500 } else { 100_000 };

fn encoded(json: &str) -> String {
    URL_SAFE_NO_PAD.encode(json)
}

/// A value of a claim or of a header parameter.
fn value() -> impl Strategy<Value = String> {
    let values = vec![
        "\"connectivity\"",
        "[\"connectivity\"]",
        "[]",
        "7",
        "-1",
        "1800000900",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551616",
        "1e308",
        "1.5",
        "null",
        "\"access\"",
        "\"a b\"",
        "\"\"",
        "{}",
        "true",
        "\"\\u0000\"",
    ];
    prop_oneof![
        4 => prop::sample::select(values).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ]
}

fn object(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let field = (prop::sample::select(names), value()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop::collection::vec(field, 0..12).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

const CLAIMS: &[&str] = &[
    "iss",
    "aud",
    "sub",
    "exp",
    "nbf",
    "iat",
    "jti",
    "token_type",
    "scope",
    "scopes",
    "sid",
    "rate_limit",
    "client_id",
    "type",
    "x",
];

fn header_json() -> impl Strategy<Value = String> {
    let algorithm =
        prop::sample::select(vec!["HS256", "HS512", "RS256", "ES256", "EdDSA", "none", "None", "HS256\\u0000", ""]);
    prop_oneof![
        3 => algorithm.prop_map(|algorithm| format!("{{\"alg\":\"{algorithm}\",\"typ\":\"JWT\"}}")),
        1 => object(&["alg", "typ", "kid", "crit", "jku"]),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn unsigned_tokens_are_refused(header in header_json(), claims in object(CLAIMS), signature in ".{0,60}", raw in any::<String>()) {
        let [first, second] = [&header, &claims].map(|json| encoded(json));
        for token in [raw, format!("{first}.{second}.{signature}"), format!("{header}.{claims}.{signature}")] {
            prop_assert!(access(&token).is_err(), "{}", token);
        }
    }

    #[test]
    fn signed_claims_are_verified_or_refused(claims in object(CLAIMS)) {
        let header = encoded("{\"alg\":\"HS256\"}");
        let signed = format!("{header}.{}", encoded(&claims));
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).expect("a signature");
        let _ = access(&format!("{signed}.{signature}"));
    }
}
