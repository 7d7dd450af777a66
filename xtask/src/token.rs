//! The key pair and the accounts for development, and access tokens that are signed with that key.

use crate::application::set;
use crate::failure::{Failure, failed};
use crate::project::target;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The id of the key.
const KEY_ID: &str = "development";

/// The account that administers the others.
pub(crate) const ADMIN: &str = "admin";

/// The account of the bridge.
pub(crate) const BRIDGE: &str = "bridge";

/// Returns 64 random hexadecimal digits.
pub(crate) fn random() -> Result<String, Failure> {
    let mut numbers = [0; 4];
    for number in &mut numbers {
        *number = getrandom::u64().map_err(failed("random bytes"))?;
    }
    let [a, b, c, d] = numbers;
    Ok(format!("{a:016x}{b:016x}{c:016x}{d:016x}"))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display().to_string();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed(shown.clone()))?;
    }
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed(shown))
}

/// Returns a text of this checkout. It is made at its first use and kept, so that tokens and accounts
/// stay valid after a restart.
fn kept(name: &str, make: impl FnOnce() -> Result<String, Failure>) -> Result<String, Failure> {
    let path = target().join("development").join(name);
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Ok(text);
    }
    let text = make()?;
    write_private(&path, &text)?;
    Ok(text)
}

/// Returns the private key, as PEM.
fn private_key() -> Result<String, Failure> {
    kept("jwt_signing_key", || {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(failed("random bytes"))?;
        let pem = SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF);
        Ok(pem.map_err(failed("a signing key"))?.to_string())
    })
}

fn signing_key() -> Result<SigningKey, Failure> {
    SigningKey::from_pkcs8_pem(&private_key()?).map_err(failed("target/development/jwt_signing_key"))
}

/// Returns the public key as a JSON Web Key Set.
fn public_keys(key: &SigningKey) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": KEY_ID, "x": x}]})
}

/// Sets the key pair of an application.
pub(crate) fn use_key_pair(command: &mut Command) -> Result<(), Failure> {
    set(command, "JWT_SIGNING_KEY", private_key()?);
    set(command, "JWT_PUBLIC_KEYS", public_keys(&signing_key()?).to_string());
    Ok(())
}

/// Returns the secret of an account.
pub(crate) fn secret(account: &str) -> Result<String, Failure> {
    kept(&format!("{account}_secret"), random)
}

/// Returns the accounts of the administrator and of the bridge, as the variable `service_accounts`.
/// `given` is the value that the developer has set: its accounts come first.
pub(crate) fn accounts(given: Option<&str>) -> Result<String, Failure> {
    let mut accounts: Vec<Value> = match given.filter(|text| !text.trim().is_empty()) {
        Some(text) => serde_json::from_str(text).map_err(failed("SPIN_VARIABLE_SERVICE_ACCOUNTS"))?,
        None => Vec::new(),
    };
    // The time at which the secrets are made: newer ones replace those that a database still has.
    let version = kept("accounts_version", || Ok(now().to_string()))?;
    for name in [ADMIN, BRIDGE] {
        if !accounts.iter().any(|account| account["name"] == name) {
            let version = version.parse::<u64>().map_err(failed("target/development/accounts_version"))?;
            accounts.push(json!({"name": name, "secret": secret(name)?, "scopes": [name], "version": version}));
        }
    }
    Ok(Value::from(accounts).to_string())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Returns an access token that the application of `cargo xtask up` accepts.
pub(crate) fn development(scope: &str, minutes: u64) -> Result<String, Failure> {
    let now = now();
    let claims = json!({
        "iss": "connectivity", "aud": "connectivity", "sub": "development", "iat": now, "nbf": now,
        "exp": now + minutes * 60, "jti": random()?, "token_type": "access", "scope": scope,
    });
    Ok(sign(&claims, &signing_key()?))
}

/// Returns the claims as a JWT that is signed with Ed25519 (RFC 8037).
///
/// The crate `jsonwebtoken` does the same, and brings RSA and other curves that would be compiled
/// before any command can run.
fn sign(claims: &Value, key: &SigningKey) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "EdDSA", "kid": KEY_ID, "typ": "JWT"});
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    use super::{accounts, public_keys, random, sign};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ed25519_dalek::{Signature, SigningKey, Verifier};
    use serde_json::{Value, json};

    #[test]
    fn token_is_verified_with_the_public_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let token = sign(&json!({"sub": "a"}), &key);
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        let signature = Signature::from_slice(&signature).expect("a signature");
        assert!(key.verifying_key().verify(signed.as_bytes(), &signature).is_ok());
        let public = public_keys(&key);
        assert_eq!(public["keys"][0]["x"], URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()));
        assert!(public["keys"][0].get("d").is_none());
    }

    #[test]
    fn accounts_of_the_developer_are_kept() {
        let names = |given: Option<&str>| {
            let accounts: Vec<Value> = serde_json::from_str(&accounts(given).expect("accounts")).expect("JSON");
            accounts.iter().map(|account| account["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["admin", "bridge"]);
        assert_eq!(names(Some("")), ["admin", "bridge"]);
        let own = r#"[{"name": "bridge", "secret": "s", "scopes": []}, {"name": "me", "secret": "s", "scopes": []}]"#;
        assert_eq!(names(Some(own)), ["bridge", "me", "admin"]);
        assert!(accounts(Some("me")).is_err());
    }

    #[test]
    fn random_digits_differ_each_time() {
        let [one, other] = [random(), random()].map(|digits| digits.expect("a source of randomness"));
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
    }
}
