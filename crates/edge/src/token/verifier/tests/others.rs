//! Tokens of other issuers.

use super::*;
use crate::token::issuer::FetchError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ISSUER: &str = "https://id.example";
const SHARED: &str = "a secret that two services share..";

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).expect("scopes")
}

/// A verifier that trusts an issuer with one key, which may grant `affiliation`.
fn trusting(key_id: Option<&'static str>, fetches: &Arc<AtomicUsize>) -> Verifier {
    let fetches = Arc::clone(fetches);
    let fetch = move || {
        fetches.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok::<_, FetchError>(key_set(key_id).into_bytes()) }) as _
    };
    let other = Issuer::new(ISSUER.into(), scopes("affiliation"), Box::new(fetch));
    Verifier { other: Some(other), ..published() }
}

fn check(header: &Value, claims: &Value) -> Result<Verified, TokenError> {
    verify(&trusting(Some("own"), &Arc::default()), &eddsa(header, claims))
}

fn header() -> Value {
    json!({"alg": "EdDSA", "kid": "own"})
}

/// The claims of RFC 9068, without those that are optional here.
fn least() -> Value {
    json!({"iss": ISSUER, "aud": "connectivity", "sub": "operator", "exp": NOW + 900, "scope": "affiliation"})
}

fn least_with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = least();
    claims[name] = value.into();
    claims
}

#[test]
fn subjects_and_sessions_of_another_issuer_are_its_own() {
    let mut claims = least_with("jti", "t-1");
    claims["sid"] = "t-1".into();
    claims["rate_limit"] = "off".into();
    let foreign = check(&header(), &claims).expect("a token");
    assert_eq!(foreign.caller.rate_limit, None);
    assert_eq!(foreign.caller.subject, "https://id.example|operator");
    assert_eq!((foreign.subject.as_str(), foreign.token_id.as_str()), ("operator", "t-1"));
    assert!(!foreign.is_ours && foreign.caller.session != "t-1" && foreign.caller.session.len() <= 128);
    assert_eq!(check(&header(), &claims).expect("a token").caller.session, foreign.caller.session);
    let next = check(&header(), &least_with("jti", "t-2")).expect("a token");
    assert_ne!(next.caller.session, foreign.caller.session);
    let long = "x".repeat(200);
    let digest = check(&header(), &least_with("sub", long.as_str())).expect("a token").caller.subject;
    assert!(digest.len() <= 128 && digest.starts_with("sha256|"), "{digest}");
    assert_ne!(check(&header(), &least_with("sub", format!("{long}y"))).expect("a token").caller.subject, digest);
}

#[test]
fn another_issuer_grants_only_the_scopes_that_it_may() {
    for (name, value, expected) in [
        ("scope", json!("admin affiliation bridge documents"), "affiliation"),
        ("scope", json!(["affiliation", "admin"]), "affiliation"),
        ("scope", json!("documents"), ""),
        ("scope", json!(7), ""),
        ("scp", json!("affiliation"), "affiliation"),
        ("scp", json!(["affiliation"]), "affiliation"),
        ("scopes", json!(["affiliation", 7]), "affiliation"),
        ("roles", json!(["affiliation", "admin"]), "affiliation"),
        ("realm_access", json!({"roles": ["affiliation"]}), ""),
    ] {
        let mut claims = least();
        claims.as_object_mut().expect("an object").remove("scope");
        claims[name] = value.clone();
        let token = check(&header(), &claims).expect("a token");
        assert_eq!(token.caller.scope(), expected, "{name} {value}");
    }
}

#[test]
fn tokens_of_another_issuer_have_the_forms_that_issuers_use() {
    for header in [
        json!({"alg": "EdDSA", "kid": "own", "x5t": "a", "nonce": "b", "typ": "at+jwt"}),
        json!({"alg": "Ed25519", "kid": "own"}),
        json!({"alg": "EdDSA"}),
    ] {
        assert!(check(&header, &least()).is_ok(), "{header}");
    }
    for (name, value) in [
        ("token_type", json!("Bearer")),
        ("token_type", json!("access")),
        ("exp", json!(1_800_000_900.5)),
        ("sub", json!(null)),
        ("azp", json!(7)),
        ("type", json!({})),
    ] {
        let mut claims = least_with(name, value.clone());
        claims["client_id"] = "operator".into();
        let token = check(&header(), &claims).unwrap_or_else(|error| panic!("{name} {value}: {error}"));
        assert_eq!(token.caller.subject, "https://id.example|operator");
    }
    for (name, value, expected) in [
        ("token_type", json!("refresh"), TokenError::Kind),
        ("token_type", json!("id_token"), TokenError::Kind),
        ("token_type", json!(7), TokenError::Kind),
        ("aud", json!("other"), TokenError::Audience),
        ("aud", json!(null), TokenError::Audience),
        ("sub", json!(null), TokenError::Claims),
        ("exp", json!(null), TokenError::Claims),
        ("exp", json!(NOW - 60), TokenError::Expired),
        ("iss", json!("https://id.example/"), TokenError::Issuer),
    ] {
        assert_eq!(check(&header(), &least_with(name, value.clone())), Err(expected), "{name} {value}");
    }
    let critical = json!({"alg": "EdDSA", "kid": "own", "crit": ["b64"], "b64": true});
    assert_eq!(check(&critical, &least()), Err(TokenError::Critical));
}

/// Without `jti` two tokens differ if what is signed differs.
#[test]
fn token_without_an_id_is_a_session_of_its_own() {
    let session = |claims: &Value| check(&header(), claims).expect("a token").caller.session;
    assert_eq!(session(&least()), session(&least()));
    assert_ne!(session(&least()), session(&least_with("exp", NOW + 901)));
}

#[test]
fn each_issuer_verifies_only_its_own_tokens() {
    // Both have the same key under the same id here, so that the claims alone tell them apart.
    let ours = check(&header(), &claims()).expect("a token");
    assert!(ours.is_ours && ours.caller.has_scope("documents") && ours.caller.subject == "operator");
    let fetches = Arc::new(AtomicUsize::new(0));
    let verifier = trusting(None, &fetches);
    for (token, expected) in [
        (own(&least()), TokenError::Algorithm),
        (eddsa(&json!({"alg": "EdDSA"}), &claims()), TokenError::UnknownKey),
        (eddsa(&json!({"alg": "EdDSA", "kid": "other"}), &least()), TokenError::UnknownKey),
        (eddsa(&header(), &least_with("iss", "https://other.example")), TokenError::Issuer),
    ] {
        assert_eq!(verify(&verifier, &token), Err(expected));
    }
    assert!(verify(&verifier, &eddsa(&json!({"alg": "EdDSA"}), &least())).is_ok(), "one key, and no id");
    assert_eq!(fetches.load(Ordering::Relaxed), 1, "only tokens of that issuer need its keys");
}

#[test]
fn verified_token_is_checked_again_when_time_passes_or_keys_change() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let published = Arc::new(std::sync::Mutex::new(Some("own")));
    let (counted, keys) = (Arc::clone(&fetches), Arc::clone(&published));
    let fetch = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let id = *keys.lock().expect("an id");
        Box::pin(async move { id.map(|id| key_set(Some(id)).into_bytes()).ok_or(FetchError("down".into())) }) as _
    };
    let other = Issuer::new(ISSUER.into(), scopes("affiliation"), Box::new(fetch));
    let verifier = Verifier { other: Some(other), ..super::published() };
    let at = |token: &str, second: i64| {
        let now = Timestamp::from_micros((NOW + second) * 1_000_000);
        verifier.verify_any(token, now).now_or_never().expect("an answer at once").map(|token| token.caller.subject)
    };
    let foreign = eddsa(&header(), &least_with("exp", NOW + 5_000));
    for second in [0, 1, 599] {
        assert!(at(&foreign, second).is_ok());
    }
    assert_eq!(at(&foreign[..foreign.len() - 2], 1), Err(TokenError::Signature), "another token");
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
    *published.lock().expect("an id") = None;
    assert!(at(&foreign, 600).is_ok(), "the issuer is down");
    *published.lock().expect("an id") = Some("next");
    assert_eq!(at(&foreign, 660), Err(TokenError::UnknownKey), "the key is withdrawn");
    let ours = eddsa(&header(), &claims());
    assert!(at(&ours, 0).is_ok() && at(&ours, 959).is_ok());
    assert_eq!(at(&ours, 960), Err(TokenError::Expired));
    assert_eq!(at(&ours, -61), Err(TokenError::NotYetValid));
}

fn sharing() -> Verifier {
    let key = DecodingKey::from_secret(SHARED.as_bytes());
    Verifier { shared: Some(Shared { name: "accounts".into(), scopes: scopes("affiliation"), key }), ..published() }
}

/// The claims of the Go service that issues tokens to other services (API contract, neighbours).
fn neighbour() -> Value {
    json!({"client_id": "documents", "scopes": ["affiliation", "admin"], "jti": "j", "iat": NOW, "exp": NOW + 900,
           "type": "client_credentials"})
}

#[test]
fn service_that_shares_a_secret_grants_only_its_scopes() {
    let key = EncodingKey::from_secret(SHARED.as_bytes());
    let signed = |claims: &Value| sign(&json!({"alg": "HS256", "typ": "JWT"}), claims, &key, Algorithm::HS256);
    let token = verify(&sharing(), &signed(&neighbour())).expect("a token");
    assert_eq!((token.caller.subject.as_str(), token.caller.scope().as_str()), ("accounts|documents", "affiliation"));
    assert_eq!(verify(&published(), &signed(&neighbour())), Err(TokenError::Issuer), "off by default");
    let changed = |name: &str, value: Value| {
        let mut claims = neighbour();
        claims[name] = value;
        verify(&sharing(), &signed(&claims)).err()
    };
    assert_eq!(changed("iss", json!("connectivity")), Some(TokenError::Algorithm), "the shared key signs no own token");
    assert_eq!(changed("iss", json!("accounts")), Some(TokenError::Issuer));
    assert_eq!(changed("type", json!("refresh")), Some(TokenError::Kind));
    assert_eq!(changed("client_id", json!("")), Some(TokenError::Claims));
    assert_eq!(changed("exp", json!(NOW - 60)), Some(TokenError::Expired));
    assert_eq!(verify(&sharing(), &hmac(&json!({"alg": "HS256"}), &neighbour())), Err(TokenError::Signature));
}
