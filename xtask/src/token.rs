//! The secret for development, and access tokens that are signed with it.

use crate::failure::{Failure, failed};
use crate::project::target;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

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

/// Returns the secret of this checkout. It is made at its first use and kept, so that tokens stay
/// valid after a restart.
pub(crate) fn secret() -> Result<String, Failure> {
    let path = target().join("development/jwt_secret");
    if let Ok(secret) = std::fs::read_to_string(&path) {
        return Ok(secret);
    }
    let secret = random()?;
    write_private(&path, &secret)?;
    Ok(secret)
}

/// Returns an access token that the application of `cargo xtask up` accepts.
pub(crate) fn development(scope: &str, minutes: u64) -> Result<String, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = json!({
        "iss": "connectivity", "aud": "connectivity", "sub": "development", "iat": now, "nbf": now,
        "exp": now + minutes * 60, "jti": random()?, "token_type": "access", "scope": scope,
    });
    sign(&claims, secret()?.as_bytes())
}

/// Returns the claims as a JWT that is signed with HMAC-SHA-256 (RFC 7515, appendix A.1).
///
/// The crate `jsonwebtoken` does the same, and brings RSA and elliptic curves that would be
/// compiled before any command can run.
fn sign(claims: &Value, key: &[u8]) -> Result<String, Failure> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = encode(br#"{"typ":"JWT","alg":"HS256"}"#);
    let signed = format!("{header}.{}", encode(claims.to_string().as_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(failed("signing the token"))?;
    mac.update(signed.as_bytes());
    Ok(format!("{signed}.{}", encode(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::{random, sign};
    use serde_json::json;

    #[test]
    fn token_is_signed_with_hmac_sha_256() {
        // Computed with `openssl dgst -sha256 -hmac secret -binary | basenc --base64url`.
        let expected =
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.HwNoQUqm5mQCypKq1yOyFzcPKYL8ZlOlXrx8II3KXT4";
        assert_eq!(sign(&json!({"sub": "a"}), b"secret").expect("a key of any length"), expected);
    }

    #[test]
    fn random_digits_differ_each_time() {
        let [one, other] = [random(), random()].map(|digits| digits.expect("a source of randomness"));
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
    }
}
