//! Why a token is not accepted.

/// Why a token is not accepted. The text is the cause in the log and the `error_description` of the
/// challenge (RFC 6750 section 3), so that it contains neither quotes nor anything of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token is not a JWT, or is too long.
    #[error("the token is malformed")]
    Malformed,
    /// The header has `crit`: it demands an extension (RFC 7515 section 4.1.11).
    #[error("the token has a critical header parameter that is not supported")]
    Critical,
    /// The issuer does not sign with the token's algorithm.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// The token names an issuer that is not configured, or none.
    #[error("the issuer is not trusted")]
    Issuer,
    /// The issuer does not have the key that the token names, or none that fits.
    #[error("the issuer has no such key")]
    UnknownKey,
    /// The issuer's keys have not been fetched yet, so the token cannot be verified.
    #[error("the keys of the issuer cannot be fetched")]
    NoKeys,
    /// The signature was not made with the key.
    #[error("the signature is wrong")]
    Signature,
    /// `aud` is missing or has another value.
    #[error("the token is for another audience")]
    Audience,
    /// The token is not an access token, for example a refresh token.
    #[error("the token is not an access token")]
    Kind,
    /// A claim is missing or has the wrong type.
    #[error("a claim is missing or malformed")]
    Claims,
    /// The time in `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// The time in `nbf` or `iat` has not come yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The session of the token has ended.
    #[error("the token is revoked")]
    Revoked,
}
