//! Access tokens: JSON Web Tokens (RFC 7519), verified by the rules of RFC 8725.

mod fetch;
pub mod issuer;
pub mod jwks;

use crate::settings::TokenSettings;
use connectivity_domain::time::Timestamp;
use issuer::Issuer;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use jwks::{KeySet, published_algorithm};
use serde::Deserialize;

/// Longest token that is looked at. Ours have about 400 bytes.
const MAX_TOKEN: usize = 4 * 1024;

/// By how many seconds the issuer's clock may differ from ours.
const LEEWAY_SECONDS: i64 = 5;

/// Why a token is not believed. The caller hears "invalid token"; which of these it was goes to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, too long, or with a header that asks for something we do not do.
    #[error("malformed")]
    Malformed,
    /// An algorithm that none of our keys is for.
    #[error("wrong algorithm")]
    Algorithm,
    /// A published key is asked for that the issuer does not have, or none is named.
    #[error("unknown key")]
    UnknownKey,
    /// The issuer's keys could not be fetched so far: whether the token holds cannot be told.
    #[error("the issuer's keys are not at hand")]
    NoKeys,
    /// The signature is not by our key.
    #[error("wrong signature")]
    Signature,
    /// A claim is missing or of the wrong type, or `iss`, `aud` or `token_type` names something else.
    #[error("wrong claims")]
    Claims,
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` or `iat` has not come yet.
    #[error("not yet valid")]
    NotYetValid,
}

/// What a token is for (`token_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// To call with.
    Access,
    /// To get the next pair with, once.
    Refresh,
}

/// A token that holds: signed by a key of ours or of the other issuer, in its time, for this audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it is for.
    pub kind: TokenKind,
    /// Whose it is.
    pub caller: Caller,
    /// `jti`.
    pub token_id: String,
    /// `iss`.
    pub issuer: String,
    /// `iat`, in seconds since the epoch.
    pub issued_at: Option<i64>,
    /// Issued here, not by the other issuer.
    pub is_ours: bool,
}

/// Who calls, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `sub`: the service account.
    pub subject: String,
    /// `sid`, else `jti`: the login that this token descends from, with which it ends.
    pub session: String,
    /// `exp`.
    pub expires_at: Timestamp,
    scopes: Vec<String>,
}

impl Caller {
    /// What it may do: names separated by blanks.
    pub fn scope(&self) -> String {
        self.scopes.join(" ")
    }

    /// May it do what this scope is for?
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    jti: String,
    sid: Option<String>,
    token_type: String,
    scope: String,
}

/// One name or several (RFC 7519 section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(name) => name == audience,
            Self::Several(names) => names.iter().any(|name| name == audience),
        }
    }
}

/// What a token's header may say. Anything that tells us where to find a key, or asks for an extension that we do not
/// know (`crit`), is refused: the key is chosen by us alone (RFC 8725 section 3.10).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(rename = "typ")]
    _typ: Option<String>,
    kid: Option<String>,
}

/// The keys and names that tokens are verified against. Holds a secret: no `Debug`.
pub struct Verifier {
    secret: DecodingKey,
    own: Option<KeySet>,
    issuer: String,
    other: Option<Issuer>,
    audience: String,
}

impl Verifier {
    /// A verifier for tokens signed with `jwt_secret` or by one of `jwt_public_keys`, and for those of the issuer behind
    /// `jwt_jwks_url` if it is set.
    pub fn new(settings: &TokenSettings) -> Self {
        let other = settings.other.as_ref();
        Self {
            secret: DecodingKey::from_secret(settings.secret.as_bytes()),
            own: settings.public_keys.clone(),
            issuer: settings.issuer.clone(),
            other: other.map(|other| Issuer::new(other.issuer.clone(), fetch::from(other.jwks_url.clone()))),
            audience: settings.audience.clone(),
        }
    }

    /// The caller that an access token names, if the token holds.
    ///
    /// # Errors
    ///
    /// As those of [`Verifier::verify_any`]; a token for something else has wrong claims.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        let verified = self.verify_any(token, now).await?;
        if verified.kind == TokenKind::Access { Ok(verified.caller) } else { Err(TokenError::Claims) }
    }

    /// What a token says, whatever it is for, if it holds.
    ///
    /// The secret verifies HS256 and nothing else, a published key its own algorithm and nothing else, and each of them
    /// the tokens of its own issuer (RFC 8725 sections 3.1 and 3.8).
    ///
    /// # Errors
    ///
    /// It does not hold, or [`TokenError::NoKeys`].
    pub async fn verify_any(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let header = header(token)?;
        let (claims, issuer) = if header.alg == "HS256" {
            (decode(token, &self.secret, Algorithm::HS256)?, &self.issuer)
        } else {
            if self.own.is_none() && self.other.is_none() {
                return Err(TokenError::Algorithm);
            }
            let algorithm = published_algorithm(&header.alg).ok_or(TokenError::Algorithm)?;
            let id = header.kid.ok_or(TokenError::UnknownKey)?;
            if let Some(key) = self.own.as_ref().and_then(|keys| keys.find(&id, algorithm)) {
                (decode(token, key.key(), algorithm)?, &self.issuer)
            } else {
                let other = self.other.as_ref().ok_or(TokenError::UnknownKey)?;
                let key = other.key(&id, algorithm, now).await?;
                (decode(token, key.key(), algorithm)?, &other.name)
            }
        };
        let kind = self.check(&claims, issuer, now.as_micros().div_euclid(1_000_000))?;
        let scopes = claims.scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        let expires_at = Timestamp::from_micros(claims.exp.saturating_mul(1_000_000));
        let session = claims.sid.unwrap_or_else(|| claims.jti.clone());
        Ok(Verified {
            kind,
            caller: Caller { subject: claims.sub, session, expires_at, scopes },
            token_id: claims.jti,
            is_ours: *issuer == self.issuer,
            issuer: claims.iss,
            issued_at: claims.iat,
        })
    }

    fn check(&self, claims: &Claims, issuer: &str, now_seconds: i64) -> Result<TokenKind, TokenError> {
        let kind = match claims.token_type.as_str() {
            "access" => TokenKind::Access,
            "refresh" => TokenKind::Refresh,
            _ => return Err(TokenError::Claims),
        };
        let named = claims.iss == issuer && claims.aud.names(&self.audience);
        let ids = [Some(&claims.sub), Some(&claims.jti), claims.sid.as_ref()];
        let identified = ids.into_iter().flatten().all(|id| (1..=128).contains(&id.len()));
        let starts = claims.nbf.into_iter().chain(claims.iat).max().unwrap_or(i64::MIN);
        if !named || !identified {
            Err(TokenError::Claims)
        } else if claims.exp <= now_seconds.saturating_sub(LEEWAY_SECONDS) {
            Err(TokenError::Expired)
        } else if starts > now_seconds.saturating_add(LEEWAY_SECONDS) {
            Err(TokenError::NotYetValid)
        } else {
            Ok(kind)
        }
    }
}

fn decode(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, TokenError> {
    // The library checks the signature under the pinned algorithm. The claims are checked here, against a time that is
    // passed in.
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
    let bytes = base64_url(encoded).ok_or(TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

/// Decodes unpadded base64url (RFC 7515 appendix C).
fn base64_url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for character in text.bytes() {
        let sextet = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(sextet)) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xFF) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
