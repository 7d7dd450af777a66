use super::*;
use futures_util::FutureExt;
use jsonwebtoken::{EncodingKey, Header as JwtHeader};
use serde_json::{Value, json};

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;

fn verifier() -> Verifier {
    Verifier::new(&TokenSettings {
        secret: SECRET.into(),
        issuer: "connectivity".into(),
        audience: "connectivity".into(),
        public_keys: None,
        other: None,
    })
}

fn claims() -> Value {
    json!({"iss": "connectivity", "aud": "connectivity", "sub": "operator", "exp": NOW + 900, "nbf": NOW, "iat": NOW,
           "jti": "t-1", "token_type": "access", "scope": "affiliation documents"})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn sign(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&JwtHeader::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes()))
        .expect("a token")
}

pub(super) fn verify(token: &str) -> Result<Caller, TokenError> {
    // Without another issuer nothing is fetched.
    verifier().verify(token, Timestamp::from_micros(NOW * 1_000_000)).now_or_never().expect("an answer at once")
}

#[test]
fn valid_token_names_its_caller_and_scopes() {
    let caller = verify(&sign(Algorithm::HS256, SECRET, &claims())).expect("a caller");
    assert_eq!((caller.subject.as_str(), caller.session.as_str()), ("operator", "t-1"));
    assert_eq!(caller.expires_at, Timestamp::from_micros((NOW + 900) * 1_000_000));
    let of_a_session = verify(&sign(Algorithm::HS256, SECRET, &with("sid", json!("s-1")))).expect("a caller");
    assert_eq!(of_a_session.session, "s-1");
    assert!(caller.has_scope("affiliation") && caller.has_scope("documents"));
    assert!(!caller.has_scope("doc") && !caller.has_scope("") && !caller.has_scope("affiliation documents"));
    assert!(verify(&sign(Algorithm::HS256, SECRET, &with("aud", json!(["other", "connectivity"])))).is_ok());
}

#[test]
fn wrong_claims_are_rejected() {
    for (name, value, expected) in [
        ("iss", json!("another"), TokenError::Claims),
        ("aud", json!("another"), TokenError::Claims),
        ("aud", json!(["a", "b"]), TokenError::Claims),
        ("token_type", json!("refresh"), TokenError::Claims),
        ("sub", json!(""), TokenError::Claims),
        ("sub", json!(7), TokenError::Claims),
        ("jti", json!(null), TokenError::Claims),
        ("exp", json!(NOW - 5), TokenError::Expired),
        ("exp", json!("9999999999"), TokenError::Claims),
        ("exp", json!(null), TokenError::Claims),
        ("nbf", json!(NOW + 6), TokenError::NotYetValid),
        ("iat", json!(NOW + 600), TokenError::NotYetValid),
    ] {
        let token = sign(Algorithm::HS256, SECRET, &with(name, value.clone()));
        assert_eq!(verify(&token), Err(expected), "{name} {value}");
    }
}

#[test]
fn other_keys_and_algorithms_are_rejected() {
    assert_eq!(
        verify(&sign(Algorithm::HS256, "another secret of thirty-two bytes", &claims())),
        Err(TokenError::Signature)
    );
    assert_eq!(verify(&sign(Algorithm::HS512, SECRET, &claims())), Err(TokenError::Algorithm));
    let good = sign(Algorithm::HS256, SECRET, &claims());
    let (_, rest) = good.split_once('.').expect("three parts");
    // {"alg":"none"} and {"alg":"HS256","jku":"https://evil"} and {"alg":"HS256","crit":["x"]}
    for header in [
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJIUzI1NiIsImprdSI6Imh0dHBzOi8vZXZpbCJ9",
        "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsieCJdfQ",
    ] {
        assert!(verify(&format!("{header}.{rest}")).is_err(), "{header}");
    }
}

#[test]
fn truncated_or_changed_token_is_rejected() {
    let good = sign(Algorithm::HS256, SECRET, &claims());
    for length in 0..good.len() {
        assert!(verify(&good[..length]).is_err(), "the first {length} bytes");
    }
    for bad in ["", ".", "..", "...", "a.b.c", &format!("{good}."), &format!("{good}A"), &"x".repeat(1_000_000)] {
        assert!(verify(bad).is_err());
    }
}
