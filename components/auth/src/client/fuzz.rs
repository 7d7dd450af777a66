//! No form and no credentials make the parsers panic.

use super::*;
use proptest::prelude::*;

const CASES: u32 = if cfg!(debug_assertions) { 1_000 } else { 100_000 };

const FORM: &str = "application/x-www-form-urlencoded";

fn form() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "client_id",
        "client_secret",
        "grant_type",
        "client_credentials",
        "token",
        "scope",
        "resource",
        "=",
        "&",
        "&&",
        "%",
        "%2",
        "%zz",
        "%00",
        "%ff",
        "+",
        ";",
        "a",
        "é",
        "\0",
    ];
    prop_oneof![
        3 => prop::collection::vec(prop::sample::select(pieces), 0..80).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn authorization() -> impl Strategy<Value = Vec<u8>> {
    let encoded = prop::collection::vec(any::<u8>(), 0..40)
        .prop_map(|bytes| format!("Basic {}", STANDARD.encode(bytes)).into_bytes());
    let pair = (any::<String>(), any::<String>())
        .prop_map(|(id, secret)| format!("basic {}", STANDARD.encode(format!("{id}:{secret}"))).into_bytes());
    prop_oneof![encoded, pair, prop::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn any_form_and_credentials_are_read_or_refused(body in form(), authorization in authorization(), content_type in prop::option::of("\\PC{0,40}")) {
        let mut headers = HeaderMap::new();
        let content_type = content_type.as_deref().unwrap_or(FORM);
        if let Ok(value) = HeaderValue::from_str(content_type) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        if let Ok(value) = HeaderValue::from_bytes(&authorization) {
            headers.append(header::AUTHORIZATION, value);
        }
        if let Ok(form) = Form::read(&headers, &body) {
            prop_assert!(form.0.len() <= MAX_PARAMETERS);
            let _ = Client::read(&headers, &form);
            let _ = Client::read(&HeaderMap::new(), &form);
        }
    }
}
