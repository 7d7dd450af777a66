//! The verifier of tokens: it chooses the key, checks the signature and the claims.

use super::claims::{Caller, Claims, TokenKind, Verified};
use super::error::TokenError;
use super::fetch;
use super::issuer::Issuer;
use super::jwks::{KeySet, published_algorithm};
use super::settings::TokenSettings;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connectivity_domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

/// The longest token that is read, in bytes. Ours have about 400.
const MAX_TOKEN: usize = 4 * 1024;

/// The allowed header parameters. A parameter that says where to find a key, or that demands an
/// extension (`crit`), is refused: the key is chosen here alone (RFC 8725 section 3.10).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(rename = "typ")]
    _typ: Option<String>,
    kid: Option<String>,
}

/// Verifies tokens. It holds a secret, and so has no `Debug`.
pub struct Verifier {
    secret: DecodingKey,
    own_keys: Option<KeySet>,
    issuer: String,
    other: Option<Issuer>,
    audience: String,
}

impl Verifier {
    /// Creates a verifier of tokens that were signed with `jwt_secret` or by one of
    /// `jwt_public_keys`, and of those of the issuer behind `jwt_jwks_url` if it is set.
    pub fn new(settings: &TokenSettings) -> Self {
        let other = settings.other.as_ref();
        Self {
            secret: DecodingKey::from_secret(settings.secret.as_bytes()),
            own_keys: settings.public_keys.clone(),
            issuer: settings.issuer.clone(),
            other: other.map(|other| Issuer::new(other.issuer.clone(), fetch::from(other.jwks_url.clone()))),
            audience: settings.audience.clone(),
        }
    }

    /// Verifies an access token and returns its caller.
    ///
    /// # Errors
    ///
    /// As [`Verifier::verify_any`]; a refresh token fails with [`TokenError::Claims`].
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        let verified = self.verify_any(token, now).await?;
        if verified.kind == TokenKind::Access { Ok(verified.caller) } else { Err(TokenError::Claims) }
    }

    /// Verifies a token of any kind.
    ///
    /// The secret verifies HS256 only, a published key its own algorithm only, and each of them the
    /// tokens of its own issuer only (RFC 8725 sections 3.1 and 3.8).
    ///
    /// # Errors
    ///
    /// The token is invalid, or cannot be verified ([`TokenError::NoKeys`]).
    pub async fn verify_any(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let header = header(token)?;
        let (claims, issuer) = if header.alg == "HS256" {
            (decode(token, &self.secret, Algorithm::HS256)?, &self.issuer)
        } else {
            if self.own_keys.is_none() && self.other.is_none() {
                return Err(TokenError::Algorithm);
            }
            let algorithm = published_algorithm(&header.alg).ok_or(TokenError::Algorithm)?;
            let id = header.kid.ok_or(TokenError::UnknownKey)?;
            if let Some(key) = self.own_keys.as_ref().and_then(|keys| keys.find(&id, algorithm)) {
                (decode(token, key.key(), algorithm)?, &self.issuer)
            } else {
                let other = self.other.as_ref().ok_or(TokenError::UnknownKey)?;
                let key = other.key(&id, algorithm, now).await?;
                (decode(token, key.key(), algorithm)?, &other.name)
            }
        };
        claims.verify(issuer, &self.audience, *issuer == self.issuer, now)
    }
}

fn decode(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, TokenError> {
    // The library checks the signature under the given algorithm. The claims are checked here,
    // against a time that is passed in.
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, key, &validation);
    decoded.map(|token| token.claims).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidSignature => TokenError::Signature,
        jsonwebtoken::errors::ErrorKind::Json(_) => TokenError::Claims,
        _ => TokenError::Malformed,
    })
}

fn header(token: &str) -> Result<Header, TokenError> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::Malformed);
    }
    let encoded = token.split('.').next().unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
