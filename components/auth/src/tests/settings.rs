//! Tests of the settings.

use super::{LIFETIMES, SECRET, tokens};
use crate::keys::{KeyError, Signer};
use crate::seed::Entry;
use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connectivity_edge::token::jwks::KeySet;
use connectivity_runtime::settings::Reader;
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

#[test]
fn a_signing_key_needs_a_published_public_key() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let private = key.to_pkcs8_pem(LineEnding::LF).expect("PEM");
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let public = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x}]}).to_string();
    let mut settings = tokens();
    assert_eq!(Signer::new(&settings, &private, LIFETIMES).err(), Some(KeyError::NotPublished));
    assert_eq!(Signer::new(&settings, "not a key", LIFETIMES).err(), Some(KeyError::NotAKey));
    settings.public_keys = KeySet::parse(public.as_bytes()).ok();
    assert!(Signer::new(&settings, &private, LIFETIMES).is_ok());
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
    let values = [
        ("jwt_secret", SECRET),
        ("jwt_issuer", "c"),
        ("jwt_audience", "c"),
        ("jwt_access_minutes", "15"),
        ("jwt_refresh_days", "7"),
        ("jwt_session_days", "30"),
        ("throttle_logins", "20/second"),
        ("throttle_user", "1000/hour"),
        ("throttle_anon", "100/hour"),
        ("log_level", "info"),
        (
            "jwt_public_keys",
            "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"s\",\"k\":\"AAAA\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"d\":\"private\"}]}",
        ),
    ];
    let set = Settings::read(Reader::from_values(&values)).map(|settings| settings.key_set).expect("settings");
    assert!(set.contains("11qYAY") && !set.contains("private") && !set.contains("AAAA"), "{set}");
}
