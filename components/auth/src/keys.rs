//! Signs tokens with `jwt_signing_key`, or with `jwt_secret` if no key pair is configured.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use connectivity_domain::access::Scopes;
use connectivity_domain::time::Timestamp;
use connectivity_edge::token::jwks::{KeySet, PublicKey};
use connectivity_edge::token::{OwnKeys, TokenSettings};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use std::time::Duration;

/// The lifetimes of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// `jwt_access_minutes`
    pub(crate) access: Duration,
    /// `jwt_refresh_days`
    pub(crate) refresh: Duration,
    /// `jwt_session_days`
    pub(crate) session: Duration,
}

/// What a key signs to show its kind, and which public key belongs to it.
const PROBE: &[u8] = b"probe";

/// Signs tokens. Without `Debug`, because it holds a key.
pub(crate) struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    /// The encoded header of all tokens.
    header: String,
    issuer: String,
    audience: String,
    pub(crate) lifetimes: Lifetimes,
}

/// The claims of a token that differ between tokens.
pub(crate) struct Token<'a> {
    pub(crate) kind: &'static str,
    pub(crate) id: &'a str,
    pub(crate) session: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) scopes: &'a Scopes,
    pub(crate) rate_limit: Option<&'a str>,
    pub(crate) expires_at: Timestamp,
}

/// Why `jwt_signing_key` cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// It is not a private key of a supported kind.
    NotAKey,
    /// Its public key is not in `jwt_public_keys`, so nothing could verify its tokens.
    NotPublished,
    /// There is none for the keys in `jwt_public_keys`.
    Missing,
}

impl Signer {
    /// Creates the signer from the settings. `pem` is `jwt_signing_key`.
    pub(crate) fn new(tokens: &TokenSettings, pem: &str, lifetimes: Lifetimes) -> Result<Self, KeyError> {
        let (key, algorithm, header) = match &tokens.keys {
            OwnKeys::Published(_) if pem.is_empty() => return Err(KeyError::Missing),
            OwnKeys::Published(keys) => published(keys, pem)?,
            OwnKeys::Secret(_) if !pem.is_empty() => return Err(KeyError::NotPublished),
            OwnKeys::Secret(secret) => {
                let header = json!({"alg": "HS256", "typ": "JWT"});
                (EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS256, header)
            }
        };
        let (issuer, audience) = (tokens.issuer.clone(), tokens.audience.clone());
        Ok(Self { key, algorithm, header: encoded(&header), issuer, audience, lifetimes })
    }

    /// Signs a token. Returns `None` if signing fails, which it does not with a key that `new`
    /// accepts.
    pub(crate) fn sign(&self, token: &Token<'_>, now: Timestamp) -> Option<String> {
        let [issued, expires] = [now, token.expires_at].map(|time| time.as_micros().div_euclid(1_000_000));
        let mut claims = json!({
            "iss": self.issuer, "aud": self.audience, "sub": token.subject, "scope": token.scopes.to_string(),
            "token_type": token.kind, "jti": token.id, "sid": token.session,
            "iat": issued, "nbf": issued, "exp": expires,
        });
        if let Some(limit) = token.rate_limit {
            claims["rate_limit"] = limit.into();
        }
        let signed = format!("{}.{}", self.header, encoded(&claims));
        let signature = crypto::sign(signed.as_bytes(), &self.key, self.algorithm).ok()?;
        Some(format!("{signed}.{signature}"))
    }
}

/// Reads the private key, and returns it with its algorithm and the header of its tokens, which names
/// its public key.
fn published(keys: &KeySet, pem: &str) -> Result<(EncodingKey, Algorithm, Value), KeyError> {
    let der = pkcs8(pem).ok_or(KeyError::NotAKey)?;
    let kinds = [
        (EncodingKey::from_ed_der(&der), Algorithm::EdDSA, "EdDSA"),
        (EncodingKey::from_ec_der(&der), Algorithm::ES256, "ES256"),
    ];
    // The key type shows only when something is signed.
    let signs = |(key, algorithm, name)| Some((crypto::sign(PROBE, &key, algorithm).ok()?, key, algorithm, name));
    let (signature, key, algorithm, name) = kinds.into_iter().find_map(signs).ok_or(KeyError::NotAKey)?;
    let verifies = |public: &&PublicKey| crypto::verify(&signature, PROBE, public.key(), algorithm).unwrap_or_default();
    let public = keys.keys().iter().filter(|public| public.has(algorithm)).find(verifies);
    let id = public.and_then(PublicKey::id).ok_or(KeyError::NotPublished)?;
    Ok((key, algorithm, json!({"alg": name, "kid": id, "typ": "JWT"})))
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Decodes a PEM file with a PKCS #8 key (RFC 7468 section 10).
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----")?.strip_suffix("-----END PRIVATE KEY-----")?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}
