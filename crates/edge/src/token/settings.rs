//! The settings that tokens are verified with.

use super::jwks::KeySet;
use super::other::{OtherIssuer, SharedSecret};
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::settings::Reader;

/// The shortest key of HS256, in bytes (RFC 7518 section 3.2).
pub(super) const MIN_SECRET: usize = 32;

/// The keys and names that tokens are verified against. They may hold secrets, and so have no
/// `Debug`.
#[derive(Clone)]
pub struct TokenSettings {
    /// The keys of tokens that this service issues.
    pub keys: OwnKeys,
    /// `jwt_issuer`: the value of `iss` in these tokens.
    pub issuer: String,
    /// `jwt_audience`: the required value of `aud`.
    pub audience: String,
    /// `jwt_jwks_url` and what belongs to it. `None` if there is no such issuer.
    pub other: Option<OtherIssuer>,
    /// `jwt_shared_secret` and what belongs to it. `None` if there is no such issuer.
    pub shared: Option<SharedSecret>,
}

/// The keys of tokens that this service issues: one kind or the other, never both. While public keys
/// are configured, tokens that were signed with a secret are refused.
#[derive(Clone)]
pub enum OwnKeys {
    /// `jwt_public_keys`: they verify what `jwt_signing_key` signs, and can sign nothing.
    Published(KeySet),
    /// `jwt_secret`: the key of HS256. Whoever verifies tokens with it can sign them too.
    Secret(String),
}

impl TokenSettings {
    /// The variables that [`TokenSettings::read`] reads.
    pub const NAMES: [&str; 11] = [
        "jwt_secret",
        "jwt_issuer",
        "jwt_audience",
        "jwt_public_keys",
        "jwt_jwks_url",
        "jwt_jwks_origin",
        "jwt_jwks_issuer",
        "jwt_jwks_scopes",
        "jwt_shared_secret",
        "jwt_shared_issuer",
        "jwt_shared_scopes",
    ];

    /// Reads the variables in [`TokenSettings::NAMES`].
    pub fn read(reader: &mut Reader) -> Self {
        let (issuer, audience) = (reader.text("jwt_issuer"), reader.text("jwt_audience"));
        for (name, value) in [("jwt_issuer", &issuer), ("jwt_audience", &audience)] {
            if value.is_empty() {
                reader.problem(name, "must not be empty");
            }
        }
        let keys = OwnKeys::read(reader);
        let other = OtherIssuer::read(reader, &issuer);
        let shared = SharedSecret::read(reader, &issuer);
        if let (Some(other), Some(shared)) = (&other, &shared)
            && other.issuer == shared.issuer
        {
            reader.problem("jwt_shared_issuer", "must differ from jwt_jwks_issuer");
        }
        Self { keys, issuer, audience, other, shared }
    }
}

impl OwnKeys {
    fn read(reader: &mut Reader) -> Self {
        let (published, secret) = (reader.text("jwt_public_keys"), reader.secret("jwt_secret"));
        if published.is_empty() {
            if secret.len() < MIN_SECRET {
                let needed = "must have at least 32 bytes, or jwt_public_keys and jwt_signing_key must be set \
                              (`connectivity-bridge signing-key` creates both)";
                reader.problem("jwt_secret", needed);
            }
            return Self::Secret(secret);
        }
        if !secret.is_empty() {
            let cause = "jwt_secret is ignored, because jwt_public_keys is set: remove it";
            log::line(Level::Warn, "settings", &[("cause", cause.into())]);
        }
        KeySet::parse(published.as_bytes()).map_or_else(
            |_| {
                reader.problem("jwt_public_keys", "must be a JSON Web Key Set: {\"keys\":[…]}");
                Self::Secret(String::new())
            },
            Self::Published,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [(&str, &str); 2] = [("jwt_issuer", "connectivity"), ("jwt_audience", "connectivity")];
    const SECRET: (&str, &str) = ("jwt_secret", "0123456789abcdef0123456789abcdef");
    const KEYS: (&str, &str) = (
        "jwt_public_keys",
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    );

    fn read(values: &[(&str, &str)]) -> Result<TokenSettings, String> {
        let mut reader = Reader::from_values(&[&NAMES[..], values].concat());
        let settings = TokenSettings::read(&mut reader);
        reader.finish(settings).map_err(|problems| problems.to_string())
    }

    #[test]
    fn with_public_keys_the_secret_is_neither_needed_nor_kept() {
        assert!(read(&[SECRET]).is_ok_and(|settings| matches!(settings.keys, OwnKeys::Secret(_))));
        for values in [&[KEYS][..], &[KEYS, SECRET], &[KEYS, ("jwt_secret", "short")]] {
            assert!(read(values).is_ok_and(|settings| matches!(settings.keys, OwnKeys::Published(_))));
        }
        let missing = read(&[]).err().expect("a problem");
        assert!(missing.contains("jwt_secret") && missing.contains("jwt_public_keys"), "{missing}");
    }

    #[test]
    fn all_problems_are_reported_together_and_without_values() {
        let values = [("jwt_public_keys", "no-key-set"), ("jwt_issuer", ""), ("jwt_shared_secret", "short-secret")];
        let problems = read(&values).err().expect("problems");
        for name in ["jwt_issuer", "jwt_public_keys", "jwt_shared_secret", "jwt_shared_issuer", "jwt_shared_scopes"] {
            assert!(problems.contains(name), "{name} in {problems}");
        }
        for value in ["short-secret", "no-key-set"] {
            assert!(!problems.contains(value), "{problems}");
        }
    }
}
