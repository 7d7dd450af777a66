//! Why a token is not accepted.

/// Why a token is not accepted. The response says only that the token is invalid; the reason goes
/// to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token is not a JWT, is too long, or has a header parameter that is not supported.
    #[error("malformed")]
    Malformed,
    /// None of the keys is for the token's algorithm.
    #[error("wrong algorithm")]
    Algorithm,
    /// The token names a key that its issuer does not have, or none.
    #[error("unknown key")]
    UnknownKey,
    /// The issuer's keys have not been fetched yet, so the token cannot be verified.
    #[error("the issuer's keys cannot be fetched")]
    NoKeys,
    /// The signature was not made with the key.
    #[error("wrong signature")]
    Signature,
    /// A claim is missing or has the wrong type, or `iss`, `aud` or `token_type` has another value.
    #[error("wrong claims")]
    Claims,
    /// The time in `exp` has passed.
    #[error("expired")]
    Expired,
    /// The time in `nbf` or `iat` has not come yet.
    #[error("not yet valid")]
    NotYetValid,
}
