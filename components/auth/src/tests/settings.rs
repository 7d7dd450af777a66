//! Tests of the settings.

use super::{LIFETIMES, SECRET, tokens};
use crate::keys::{KeyError, Signer};
use crate::seed::Entry;
use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connectivity_edge::token::jwks::KeySet;
use connectivity_edge::token::{OwnKeys, TokenSettings};
use connectivity_runtime::settings::{ODD, Reader};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use serde_json::json;

#[test]
fn errors_in_service_accounts_do_not_reveal_secrets() {
    for text in [
        "garbage hunter2hunter2hunter2",
        "[{\"name\": \"a\", \"secret\": \"hunter2\", \"scopes\": [\"bridge\"]}]",
        "[{\"name\": \"a b\", \"secret\": \"hunter2hunter2hunter2\", \"scopes\": [\"bridge\"]}]",
        "[{\"name\": \"a\", \"secret\": \"hunter2hunter2hunter2\", \"scopes\": [\"all\"]}]",
        "[{\"name\": \"a\", \"secret\": \"hunter2hunter2hunter2\", \"scopes\": [], \"more\": 1}]",
        "[{\"name\": \"a\", \"secret\": \"hunter2hunter2hunter2\", \"scopes\": [], \"version\": 0}]",
        "[{\"name\": \"a\", \"secret\": \"hunter2hunter2hunter2\", \"scopes\": [], \"version\": 9007199254740992}]",
        "[{\"name\": \"a\", \"secret\": \"hunter2hunter2hunter2\", \"scopes\": []},
          {\"name\": \"a\", \"secret\": \"hunter2hunter2hunter2\", \"scopes\": []}]",
    ] {
        let error = Entry::read_all(text).err().expect("an error");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(Entry::read_all(" ").is_ok_and(|seeds| seeds.is_empty()));
}

/// Returns a private key as PEM, and the member `x` of its public key.
fn key_pair() -> (String, String) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let private = key.to_pkcs8_pem(LineEnding::LF).expect("PEM").to_string();
    (private, URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()))
}

#[test]
fn a_signing_key_needs_a_published_public_key() {
    let (private, x) = key_pair();
    let public = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x}]}).to_string();
    let mut settings = tokens();
    let key_set = |text: &str| OwnKeys::Published(KeySet::parse(text.as_bytes()).expect("a key set"));
    let problem = |settings: &TokenSettings, pem: &str| Signer::new(settings, pem, LIFETIMES).err();
    assert_eq!(problem(&settings, &private), Some(KeyError::NotPublished), "without public keys");
    settings.keys = key_set(&public.replace(&x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    assert_eq!(problem(&settings, &private), Some(KeyError::NotPublished), "another public key");
    settings.keys = key_set(&public.replace("kid", "kit"));
    assert_eq!(problem(&settings, &private), Some(KeyError::NotPublished), "a public key without an id");
    settings.keys = key_set(&public);
    assert_eq!(problem(&settings, "not a key"), Some(KeyError::NotAKey));
    assert_eq!(problem(&settings, ""), Some(KeyError::Missing));
    assert_eq!(problem(&settings, &private), None);
}

#[test]
fn all_invalid_settings_are_reported_together() {
    let read = |more: &[(&'static str, &'static str)]| {
        let mut values = vec![
            ("jwt_secret", SECRET),
            ("jwt_issuer", "connectivity"),
            ("jwt_audience", "connectivity"),
            ("jwt_access_minutes", "15"),
            ("jwt_refresh_days", "7"),
            ("jwt_session_days", "30"),
            ("throttle_logins", "20/second"),
            ("throttle_user", "1000/hour"),
            ("throttle_anon", "100/hour"),
            ("log_level", "info"),
        ];
        values.extend(more);
        Settings::read(Reader::from_values(&values))
    };
    assert!(read(&[]).is_ok());
    let wrong = [
        ("jwt_signing_key", "nonsense"),
        ("service_accounts", "{}"),
        ("public_url", "example"),
        ("jwt_refresh_days", "0"),
        ("jwt_session_days", "0"),
        ("throttle_logins", "none"),
    ];
    let problems = read(&wrong).err().expect("problems").to_string();
    for (name, _) in wrong {
        assert!(problems.contains(name), "{name} in {problems}");
    }
}

#[test]
fn only_public_members_of_keys_are_published() {
    let (private, x) = key_pair();
    let keys = json!({"keys": [
        {"kty": "oct", "kid": "s", "k": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x, "d": "private"},
    ]});
    let keys = keys.to_string();
    let values = [
        ("jwt_signing_key", private.as_str()),
        ("jwt_issuer", "c"),
        ("jwt_audience", "c"),
        ("jwt_access_minutes", "15"),
        ("jwt_refresh_days", "7"),
        ("jwt_session_days", "30"),
        ("throttle_logins", "20/second"),
        ("throttle_user", "1000/hour"),
        ("throttle_anon", "100/hour"),
        ("log_level", "info"),
        ("jwt_public_keys", &keys),
    ];
    let set = Settings::read(Reader::from_values(&values)).map(|settings| settings.key_set).expect("settings");
    assert!(set.contains(&x) && !set.contains("private") && !set.contains("AAAA"), "{set}");
}

#[test]
fn no_value_of_a_setting_causes_a_panic() {
    let names = Settings::names();
    assert!(names.len() > 30, "{names:?}");
    let (private, x) = key_pair();
    let public = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x}]}).to_string();
    let valid = [
        ("jwt_signing_key", private.as_str()),
        ("jwt_public_keys", &public),
        ("mysql_address", "mysql://db:3306"),
        ("redis_address", "redis://cache:6379"),
        ("throttle_logins", "20/second"),
    ];
    for (name, value) in names.iter().flat_map(|name| ODD.map(|value| (*name, value))) {
        let values: Vec<_> = valid.into_iter().chain([(name, value)]).collect();
        let problems = Settings::read(Reader::from_values(&values)).err().map(|problems| problems.to_string());
        assert!(!problems.unwrap_or_default().contains("hunter2"), "{name}");
    }
}
