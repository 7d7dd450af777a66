//! The development secret and tokens signed with it.

use crate::run::{Failure, failed, target};
use jsonwebtoken::{EncodingKey, Header};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// 64 random hexadecimal digits.
pub(crate) fn random() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

/// Writes a file that nobody else can read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display().to_string();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed(shown.clone()))?;
    }
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed(shown))
}

/// The secret of this machine, made at its first use so that tokens survive a restart.
pub(crate) fn secret() -> Result<String, Failure> {
    let path = target().join("development/jwt_secret");
    if let Ok(secret) = std::fs::read_to_string(&path) {
        return Ok(secret);
    }
    let secret = random();
    write_private(&path, &secret)?;
    Ok(secret)
}

/// A token that the application of `cargo xtask up` takes.
pub(crate) fn development(scope: &str, minutes: u64) -> Result<String, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = serde_json::json!({
        "iss": "connectivity", "aud": "connectivity", "sub": "development", "iat": now, "nbf": now,
        "exp": now + minutes * 60, "jti": uuid::Uuid::new_v4().to_string(), "token_type": "access", "scope": scope,
    });
    let key = EncodingKey::from_secret(secret()?.as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims, &key).map_err(failed("signing the token"))
}
