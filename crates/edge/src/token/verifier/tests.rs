use super::*;
use crate::rate_limit::AccountRate;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

mod others;

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;

/// The key pair of RFC 8037, appendix A.1.
const PRIVATE: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn key_set(id: Option<&str>) -> String {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": id, "x": PUBLIC}]}).to_string()
}

fn settings(keys: OwnKeys) -> TokenSettings {
    TokenSettings { keys, issuer: "connectivity".into(), audience: "connectivity".into(), other: None, shared: None }
}

fn verifier() -> Verifier {
    Verifier::new(&settings(OwnKeys::Secret(SECRET.into())))
}

fn published() -> Verifier {
    let keys = KeySet::parse(key_set(Some("own")).as_bytes()).expect("a key set");
    Verifier::new(&settings(OwnKeys::Published(keys)))
}

fn claims() -> Value {
    json!({"iss": "connectivity", "aud": "connectivity", "sub": "operator", "exp": NOW + 900, "nbf": NOW, "iat": NOW,
           "jti": "t-1", "token_type": "access", "scope": "affiliation documents"})
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

/// Signs a token with any header, which the library would not write.
fn sign(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = crypto::sign(signed.as_bytes(), key, algorithm).expect("a signature");
    format!("{signed}.{signature}")
}

fn hmac(header: &Value, claims: &Value) -> String {
    sign(header, claims, &EncodingKey::from_secret(SECRET.as_bytes()), Algorithm::HS256)
}

fn own(claims: &Value) -> String {
    hmac(&json!({"alg": "HS256", "typ": "JWT"}), claims)
}

fn eddsa(header: &Value, claims: &Value) -> String {
    // The DER of PKCS #8 around the 32 bytes of the key (RFC 8410 section 7).
    let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let private = URL_SAFE_NO_PAD.decode(PRIVATE).expect("base64url");
    sign(header, claims, &EncodingKey::from_ed_der(&[&prefix[..], &private].concat()), Algorithm::EdDSA)
}

fn verify(verifier: &Verifier, token: &str) -> Result<Verified, TokenError> {
    let now = Timestamp::from_micros(NOW * 1_000_000);
    verifier.verify_any(token, now).now_or_never().expect("an answer at once")
}

pub(super) fn access(token: &str) -> Result<Caller, TokenError> {
    let now = Timestamp::from_micros(NOW * 1_000_000);
    verifier().verify(token, now).now_or_never().expect("an answer at once")
}

#[test]
fn valid_token_names_its_caller_and_scopes() {
    let caller = access(&own(&claims())).expect("a caller");
    assert_eq!((caller.subject.as_str(), caller.session.as_str()), ("operator", "t-1"));
    assert_eq!(caller.expires_at, Timestamp::from_micros((NOW + 900) * 1_000_000));
    let of_a_session = access(&own(&with("sid", "s-1"))).expect("a caller");
    assert_eq!(of_a_session.session, "s-1");
    assert!(caller.has_scope("affiliation") && caller.has_scope("documents"));
    assert!(!caller.has_scope("doc") && !caller.has_scope("") && !caller.has_scope("affiliation documents"));
    assert!(access(&own(&with("aud", json!(["other", "connectivity"])))).is_ok());
}

#[test]
fn own_token_may_carry_the_rate_limit_of_its_account() {
    let limit = |value: &str| access(&own(&with("rate_limit", value))).expect("a caller").rate_limit;
    assert_eq!(limit("off"), Some(AccountRate::Off));
    assert_eq!(limit("7/minute"), AccountRate::parse("7/minute"));
    assert_eq!(limit("unlimited"), None, "the default");
    assert_eq!(access(&own(&claims())).expect("a caller").rate_limit, None);
}

#[test]
fn wrong_claims_of_an_own_token_are_rejected() {
    for (name, value, expected) in [
        ("iss", json!("another"), TokenError::Issuer),
        ("iss", json!(7), TokenError::Issuer),
        ("aud", json!("another"), TokenError::Audience),
        ("aud", json!(["a", "b"]), TokenError::Audience),
        ("token_type", json!("refresh"), TokenError::Kind),
        ("token_type", json!("Bearer"), TokenError::Kind),
        ("sub", json!(""), TokenError::Claims),
        ("sub", json!("x".repeat(129)), TokenError::Claims),
        ("sub", json!(7), TokenError::Claims),
        ("jti", json!(null), TokenError::Claims),
        ("sid", json!(7), TokenError::Claims),
        ("scope", json!(["affiliation"]), TokenError::Claims),
        ("exp", json!(NOW - 60), TokenError::Expired),
        ("exp", json!(-1e300), TokenError::Expired),
        ("exp", json!("9999999999"), TokenError::Claims),
        ("exp", json!(null), TokenError::Claims),
        ("nbf", json!(NOW + 61), TokenError::NotYetValid),
        ("iat", json!(NOW + 600), TokenError::NotYetValid),
    ] {
        assert_eq!(access(&own(&with(name, value.clone()))), Err(expected), "{name} {value}");
    }
    for name in ["iss", "aud", "sub", "exp", "jti", "token_type", "scope"] {
        assert!(access(&own(&without(name))).is_err(), "without {name}");
    }
}

#[test]
fn clocks_may_differ_by_a_minute_and_times_may_have_fractions() {
    for (name, value) in [
        ("exp", json!(NOW - 59)),
        ("exp", json!(1e300)),
        ("nbf", json!(NOW + 60)),
        ("iat", json!(NOW + 60)),
        ("iat", json!(1_799_999_999.5)),
        ("nbf", json!(null)),
    ] {
        assert!(access(&own(&with(name, value.clone()))).is_ok(), "{name} {value}");
    }
    let caller = access(&own(&with("exp", 1_800_000_000.25))).expect("a caller");
    assert_eq!(caller.expires_at.as_micros(), 1_800_000_000_250_000);
}

#[test]
fn other_keys_and_algorithms_are_rejected() {
    let secret = EncodingKey::from_secret(b"another secret of thirty-two bytes");
    let foreign = sign(&json!({"alg": "HS256"}), &claims(), &secret, Algorithm::HS256);
    assert_eq!(access(&foreign), Err(TokenError::Signature));
    assert_eq!(access(&hmac(&json!({"alg": "HS512"}), &claims())), Err(TokenError::Algorithm));
    assert_eq!(access(&hmac(&json!({"alg": "none"}), &claims())), Err(TokenError::Algorithm));
    assert_eq!(access(&eddsa(&json!({"alg": "EdDSA", "kid": "own"}), &claims())), Err(TokenError::Algorithm));
}

#[test]
fn unknown_header_parameters_are_ignored_and_critical_ones_refused() {
    let header = |name: &str, value: Value| {
        let mut header = json!({"alg": "HS256"});
        header[name] = value;
        access(&hmac(&header, &claims())).err()
    };
    for (name, value) in [
        ("x5t", json!("a")),
        ("cty", json!("JWT")),
        ("jku", json!("https://evil.example")),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("typ", json!("at+jwt")),
        ("typ", json!("application/AT+JWT")),
    ] {
        assert_eq!(header(name, value.clone()), None, "{name} {value}");
    }
    assert_eq!(header("crit", json!(["x5t"])), Some(TokenError::Critical));
    assert_eq!(header("crit", json!(null)), Some(TokenError::Critical));
    assert_eq!(header("typ", json!("logout+jwt")), Some(TokenError::Kind));
    assert_eq!(header("kid", json!(1)), Some(TokenError::Malformed));
}

#[test]
fn with_a_key_pair_tokens_that_are_signed_with_a_secret_are_refused() {
    let verifier = published();
    let header = json!({"alg": "EdDSA", "kid": "own"});
    assert!(verify(&verifier, &eddsa(&header, &claims())).is_ok_and(|token| token.is_ours));
    assert_eq!(verify(&verifier, &own(&claims())), Err(TokenError::Algorithm));
    // The public key used as a secret (RFC 8725 section 2.1).
    for secret in [PUBLIC.as_bytes(), key_set(Some("own")).as_bytes()] {
        let key = EncodingKey::from_secret(secret);
        let token = sign(&json!({"alg": "HS256", "kid": "own"}), &claims(), &key, Algorithm::HS256);
        assert_eq!(verify(&verifier, &token), Err(TokenError::Algorithm));
    }
    for header in
        [json!({"alg": "EdDSA"}), json!({"alg": "EdDSA", "kid": "other"}), json!({"alg": "ES256", "kid": "own"})]
    {
        assert_eq!(verify(&verifier, &eddsa(&header, &claims())), Err(TokenError::UnknownKey), "{header}");
    }
}

#[test]
fn truncated_or_changed_token_is_rejected() {
    let good = own(&claims());
    for length in 0..good.len() {
        assert!(access(&good[..length]).is_err(), "the first {length} bytes");
    }
    for bad in ["", ".", "..", "...", "a.b.c", &format!("{good}."), &format!("{good}A"), &"x".repeat(1_000_000)] {
        assert!(access(bad).is_err());
    }
}
