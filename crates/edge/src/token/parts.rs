//! The parts of a token, parsed before its signature is verified.

use super::claims::Claims;
use super::error::TokenError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

/// The longest token that is read, in bytes. Ours have about 400.
pub(super) const MAX_TOKEN: usize = 4 * 1024;

/// The media types of a token (`typ`) that may be an access token (RFC 9068 section 2.1). Others,
/// such as `logout+jwt`, are for another purpose (RFC 8725 section 3.11).
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/at+jwt", "application/jwt"];

/// The header parameters that matter. All others are ignored, also those that say where to find a
/// key: the key is chosen by the verifier alone (RFC 7515 section 4, RFC 8725 section 3.10).
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    #[serde(default, rename = "crit", deserialize_with = "is_present")]
    is_critical: bool,
}

/// A token that has the form of a JWT. Nothing of it is verified.
pub(super) struct Parts<'a> {
    pub(super) header: Header,
    pub(super) claims: Claims,
    /// The encoded header and payload, which the signature covers.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Parses a token of at most [`MAX_TOKEN`] bytes.
    ///
    /// # Errors
    ///
    /// [`TokenError::Malformed`], [`TokenError::Critical`], and [`TokenError::Kind`] for a JWT of
    /// another type.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = decode(header)?;
        if header.is_critical {
            return Err(TokenError::Critical);
        }
        if header.typ.as_ref().is_some_and(|typ| !TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known))) {
            return Err(TokenError::Kind);
        }
        Ok(Self { header, claims: Claims::new(decode(payload)?), signed, signature })
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

/// Returns `true` for every value, also for `null`.
fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
