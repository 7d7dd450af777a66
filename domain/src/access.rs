//! Who may call: service accounts, the sessions that their logins begin, and what is tried against them.

mod account;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod login;
mod login_throttle;
mod scope;
mod session;

pub use account::{Account, AccountChange, AccountName, NameError, NewSecret, Stored};
pub use login::{Login, LoginError, LoginOrigin, log_in};
pub use login_throttle::{Attempts, LoginThrottle};
pub use scope::{Scope, ScopeError, Scopes};
pub use session::{Refused, Rotation, Session, end, refresh};

use crate::registry::StoreError;
use crate::time::Timestamp;
use std::future::Future;
use std::time::Duration;

/// What the audit tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A login.
    Login,
    /// A name and a secret that do not belong together, or to an account that is disabled.
    LoginRefused,
    /// A login that came too soon after others that failed. Its secret was not looked at.
    LoginThrottled,
    /// A new pair of tokens for a refresh token.
    Refresh,
    /// A refresh token that does not hold.
    RefreshRefused,
    /// A refresh token that had been used: somebody has a copy, so the session has ended.
    RefreshReused,
    /// The end of a session, as its owner asked.
    Logout,
    /// The end of a session, by its token's revocation.
    Revocation,
    /// A new account.
    Created,
    /// Other scopes, enabled or disabled.
    Changed,
    /// A new secret.
    Rotated,
    /// No account any more.
    Deleted,
    /// Made or changed because the variable `service_accounts` says so.
    Seeded,
}

impl Event {
    /// Its name in the audit. Part of the records: it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::LoginRefused => "LOGIN_REFUSED",
            Self::LoginThrottled => "LOGIN_THROTTLED",
            Self::Refresh => "REFRESH",
            Self::RefreshRefused => "REFRESH_REFUSED",
            Self::RefreshReused => "REFRESH_REUSED",
            Self::Logout => "LOGOUT",
            Self::Revocation => "REVOCATION",
            Self::Created => "ACCOUNT_CREATED",
            Self::Changed => "ACCOUNT_CHANGED",
            Self::Rotated => "ACCOUNT_ROTATED",
            Self::Deleted => "ACCOUNT_DELETED",
            Self::Seeded => "ACCOUNT_SEEDED",
        }
    }
}

/// Keeps the accounts.
pub trait Accounts: Send + Sync {
    /// The account of that name.
    fn find(&self, name: &AccountName) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// All of them, by name.
    fn list(&self) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;

    /// Adds one; false: there is one of that name already.
    fn insert(&self, account: &Stored) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Changes what is given, and nothing where there is no such account.
    fn change(&self, name: &AccountName, change: &AccountChange)
    -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes it.
    fn delete(&self, name: &AccountName) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Notes that somebody logged in with it.
    fn used(&self, name: &AccountName, at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Keeps the sessions.
pub trait Sessions: Send + Sync {
    /// Adds one.
    fn begin(&self, session: &Session) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The session with this id.
    fn find_session(&self, id: &str) -> impl Future<Output = Result<Option<Session>, StoreError>> + Send;

    /// Exchanges the session's one good refresh token for another, if `old` is the one and the session lives. One
    /// statement: of two who try it with the same token, one has its way.
    fn exchange(
        &self,
        id: &str,
        old: &str,
        new: &str,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends a session; one that is not known yet is noted as ended. Durable when it returns.
    fn end(&self, session: &Session, at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends all sessions of a subject, and tells which lived.
    fn end_all(&self, subject: &str, at: Timestamp) -> impl Future<Output = Result<Vec<Session>, StoreError>> + Send;
}

/// Notes who came, and who was refused.
pub trait Audit: Send + Sync {
    /// Notes it. Durable when it returns.
    fn note(
        &self,
        event: Event,
        subject: &str,
        origin: &LoginOrigin,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Compares secrets with what is kept of them.
pub trait Secrets: Send + Sync {
    /// Is it the secret that this hash was made of? Takes as long for a hash that is absent.
    fn is(&self, hash: Option<&str>, secret: &str) -> bool;
}

/// Counts the logins that failed, for all instances.
pub trait FailedLogins: Send + Sync {
    /// Counts one more attempt under each of the keys, unless one of them has to wait: then, how long.
    fn attempt(
        &self,
        keys: &[(String, LoginThrottle)],
        now: Timestamp,
    ) -> impl Future<Output = Option<Duration>> + Send;

    /// Forgets the attempts under these keys.
    fn forget(&self, keys: &[(String, LoginThrottle)], now: Timestamp) -> impl Future<Output = ()> + Send;
}

#[cfg(test)]
mod tests;
