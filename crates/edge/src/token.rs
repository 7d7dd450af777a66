//! Access tokens: JSON Web Tokens (RFC 7519), verified by the rules of RFC 8725.

mod claims;
mod error;
mod fetch;
mod issuer;
pub mod jwks;
mod settings;
mod verifier;

pub use claims::{Caller, TokenKind, Verified};
pub use error::TokenError;
pub use settings::{OtherIssuer, TokenSettings};
pub use verifier::Verifier;
