//! Access tokens: JSON Web Tokens (RFC 7519), verified by the rules of RFC 8725.

mod caller;
mod claims;
mod digest;
mod error;
mod fetch;
mod issuer;
pub mod jwks;
mod lately;
mod other;
mod parts;
mod settings;
mod verifier;

pub use caller::{Caller, TokenKind, Verified};
pub use error::TokenError;
pub use other::{OtherIssuer, SharedSecret};
pub use settings::{OwnKeys, TokenSettings};
pub use verifier::Verifier;
