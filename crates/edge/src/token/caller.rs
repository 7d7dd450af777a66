//! Whom a verified token names.

use super::claims::Validity;
use crate::rate_limit::AccountRate;
use connectivity_domain::time::Timestamp;

/// The purpose of a token (`token_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// It authenticates requests.
    Access,
    /// It is exchanged once for the next pair of tokens.
    Refresh,
}

/// A verified token: its signature, its times, its issuer and its audience are valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The purpose of the token.
    pub kind: TokenKind,
    /// The caller that the token names.
    pub caller: Caller,
    /// The subject as the issuer names it (`sub`).
    pub subject: String,
    /// The id of the token (`jti`), or a digest of a token without one.
    pub token_id: String,
    /// The issuer of the token (`iss`).
    pub issuer: String,
    /// The time in `iat`, in seconds since the epoch.
    pub issued_at: Option<i64>,
    /// Whether this service issued the token, and not another issuer.
    pub is_ours: bool,
    pub(super) validity: Validity,
}

/// The subject of a token, and what the token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The service account (`sub`). The subject of another issuer is `ISSUER|SUBJECT`, and a digest
    /// of both if that has more than 128 bytes.
    pub subject: String,
    /// The login that the token descends from (`sid`, else `jti`), or a digest that identifies the
    /// token of another issuer. Revoking it revokes the token.
    pub session: String,
    /// When the token expires (`exp`).
    pub expires_at: Timestamp,
    /// The rate limit of the account, if it has one of its own. Another issuer cannot grant one.
    pub rate_limit: Option<AccountRate>,
    scopes: Vec<String>,
}

impl Caller {
    pub(super) fn new(subject: String, session: String, expires_at: Timestamp, scopes: Vec<String>) -> Self {
        Self { subject, session, expires_at, rate_limit: None, scopes }
    }

    /// Returns the names of the token's scopes, separated by spaces.
    pub fn scope(&self) -> String {
        self.scopes.join(" ")
    }

    /// Returns whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }
}
