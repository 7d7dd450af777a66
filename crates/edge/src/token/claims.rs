//! The claims of a token.

use super::error::TokenError;
use connectivity_domain::time::Timestamp;
use serde::Deserialize;

/// By how many seconds the clock of an issuer may differ from ours.
const LEEWAY_SECONDS: i64 = 5;

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
    /// The id of the token (`jti`).
    pub token_id: String,
    /// The issuer of the token (`iss`).
    pub issuer: String,
    /// The time in `iat`, in seconds since the epoch.
    pub issued_at: Option<i64>,
    /// Whether this service issued the token, and not the other issuer.
    pub is_ours: bool,
}

/// The subject of a token, and what the token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The service account (`sub`).
    pub subject: String,
    /// The login that the token descends from (`sid`, else `jti`). Revoking it revokes the token.
    pub session: String,
    /// When the token expires (`exp`).
    pub expires_at: Timestamp,
    scopes: Vec<String>,
}

impl Caller {
    /// Returns the names of the token's scopes, separated by spaces.
    pub fn scope(&self) -> String {
        self.scopes.join(" ")
    }

    /// Returns whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }
}

/// The claims as a token has them.
#[derive(Deserialize)]
pub(super) struct Claims {
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

/// One audience or several (RFC 7519 section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(name) => name == audience,
            Self::Several(names) => names.iter().any(|name| name == audience),
        }
    }
}

impl Claims {
    /// Checks the claims of a token whose signature is valid.
    pub(super) fn verify(
        self,
        issuer: &str,
        audience: &str,
        is_ours: bool,
        now: Timestamp,
    ) -> Result<Verified, TokenError> {
        let kind = match self.token_type.as_str() {
            "access" => TokenKind::Access,
            "refresh" => TokenKind::Refresh,
            _ => return Err(TokenError::Claims),
        };
        let ids = [Some(&self.sub), Some(&self.jti), self.sid.as_ref()];
        let has_ids = ids.into_iter().flatten().all(|id| (1..=128).contains(&id.len()));
        if self.iss != issuer || !self.aud.contains(audience) || !has_ids {
            return Err(TokenError::Claims);
        }
        let now = now.as_micros().div_euclid(1_000_000);
        if self.exp <= now.saturating_sub(LEEWAY_SECONDS) {
            return Err(TokenError::Expired);
        }
        let valid_from = self.nbf.into_iter().chain(self.iat).max().unwrap_or(i64::MIN);
        if valid_from > now.saturating_add(LEEWAY_SECONDS) {
            return Err(TokenError::NotYetValid);
        }
        let scopes = self.scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        let expires_at = Timestamp::from_micros(self.exp.saturating_mul(1_000_000));
        let session = self.sid.unwrap_or_else(|| self.jti.clone());
        Ok(Verified {
            kind,
            caller: Caller { subject: self.sub, session, expires_at, scopes },
            token_id: self.jti,
            issuer: self.iss,
            issued_at: self.iat,
            is_ours,
        })
    }
}
