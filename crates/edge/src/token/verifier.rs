//! The verifier of tokens: it chooses the issuer and the key, checks the signature and the claims.

use super::caller::{Caller, TokenKind, Verified};
use super::claims::Trust;
use super::digest::sha256;
use super::error::TokenError;
use super::fetch;
use super::issuer::Issuer;
use super::jwks::{KeySet, PublicKey, published_algorithm};
use super::lately::{Entry, Lately};
use super::parts::{MAX_TOKEN, Parts};
use super::settings::{OwnKeys, TokenSettings};
use connectivity_domain::access::Scopes;
use connectivity_domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};

/// Verifies tokens. It may hold secrets, and so has no `Debug`.
pub struct Verifier {
    own: Own,
    issuer: String,
    audience: String,
    other: Option<Issuer>,
    shared: Option<Shared>,
    lately: Lately,
}

/// The keys of this service's own tokens.
enum Own {
    Published(KeySet),
    Secret(DecodingKey),
}

/// An issuer that signs with a shared secret and has no name in its tokens.
struct Shared {
    name: String,
    scopes: Scopes,
    key: DecodingKey,
}

impl Verifier {
    /// Creates a verifier of this service's own tokens, and of those of the other issuers that are
    /// configured.
    pub fn new(settings: &TokenSettings) -> Self {
        let own = match &settings.keys {
            OwnKeys::Published(keys) => Own::Published(keys.clone()),
            OwnKeys::Secret(secret) => Own::Secret(DecodingKey::from_secret(secret.as_bytes())),
        };
        let other = settings
            .other
            .as_ref()
            .map(|other| Issuer::new(other.issuer.clone(), other.scopes.clone(), fetch::from(other.jwks_url.clone())));
        let shared = settings.shared.as_ref().map(|shared| Shared {
            name: shared.issuer.clone(),
            scopes: shared.scopes.clone(),
            key: DecodingKey::from_secret(shared.secret.as_bytes()),
        });
        Self {
            own,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            other,
            shared,
            lately: Lately::default(),
        }
    }

    /// Verifies an access token and returns its caller.
    ///
    /// # Errors
    ///
    /// As [`Verifier::verify_any`]; a refresh token fails with [`TokenError::Kind`].
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        let verified = self.verify_any(token, now).await?;
        if verified.kind == TokenKind::Access { Ok(verified.caller) } else { Err(TokenError::Kind) }
    }

    /// Verifies a token of any kind.
    ///
    /// The token's `iss` selects the issuer, whose keys alone are used: each issuer verifies only its
    /// own tokens, and each key only its own algorithms (RFC 8725 sections 3.1 and 3.8). A token that
    /// was verified lately with the same keys is not verified again, except for its times.
    ///
    /// # Errors
    ///
    /// The token is invalid, or cannot be verified ([`TokenError::NoKeys`]).
    pub async fn verify_any(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed);
        }
        let digest = sha256(&[token]);
        if let Some(known) = self.lately.find(&digest)
            && known.keys == self.keys_of(&known.verified, now).await
        {
            return known.verified.validity.check(now).map(|()| known.verified);
        }
        let verified = self.verify_signed(token, now).await?;
        let keys = self.keys_of(&verified, now).await;
        self.lately.insert(digest, Entry { verified: verified.clone(), keys });
        Ok(verified)
    }

    /// Returns the version of the keys of a token's issuer. Those of the settings never change.
    async fn keys_of(&self, token: &Verified, now: Timestamp) -> u64 {
        match self.other.as_ref().filter(|other| other.name == token.issuer) {
            Some(other) => other.version(now).await,
            None => 0,
        }
    }

    async fn verify_signed(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let parts = Parts::parse(token)?;
        let claims = &parts.claims;
        match claims.issuer()? {
            Some(name) if name == self.issuer => {
                self.own.check_signature(&parts)?;
                claims.of_own(&self.issuer, &self.audience, now)
            }
            Some(name) => {
                let other = self.other.as_ref().filter(|other| other.name == name).ok_or(TokenError::Issuer)?;
                let algorithm = published_algorithm(&parts.header.alg).ok_or(TokenError::Algorithm)?;
                let keys = other.keys(parts.header.kid.as_deref(), algorithm, now).await?;
                check_signature(&parts, keys.iter().map(PublicKey::key), algorithm)?;
                let trust = Trust { issuer: &other.name, scopes: &other.scopes };
                claims.of_other(trust, &self.audience, parts.signed, now)
            }
            None => {
                let shared = self.shared.as_ref().ok_or(TokenError::Issuer)?;
                hs256(&parts, &shared.key)?;
                claims.of_shared(Trust { issuer: &shared.name, scopes: &shared.scopes }, parts.signed, now)
            }
        }
    }
}

impl Own {
    /// Own tokens name their key, because this service signs them so.
    fn check_signature(&self, parts: &Parts<'_>) -> Result<(), TokenError> {
        match self {
            Self::Secret(key) => hs256(parts, key),
            Self::Published(keys) => {
                let algorithm = published_algorithm(&parts.header.alg).ok_or(TokenError::Algorithm)?;
                let id = parts.header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
                let found = keys.find(Some(id), algorithm);
                if found.is_empty() {
                    return Err(TokenError::UnknownKey);
                }
                check_signature(parts, found.iter().map(PublicKey::key), algorithm)
            }
        }
    }
}

fn hs256(parts: &Parts<'_>, key: &DecodingKey) -> Result<(), TokenError> {
    if parts.header.alg != "HS256" {
        return Err(TokenError::Algorithm);
    }
    check_signature(parts, [key], Algorithm::HS256)
}

/// Checks that one of the keys has made the signature.
fn check_signature<'a>(
    parts: &Parts<'_>,
    keys: impl IntoIterator<Item = &'a DecodingKey>,
    algorithm: Algorithm,
) -> Result<(), TokenError> {
    let is_made_with =
        |key| crypto::verify(parts.signature, parts.signed.as_bytes(), key, algorithm).unwrap_or_default();
    if keys.into_iter().any(is_made_with) { Ok(()) } else { Err(TokenError::Signature) }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
