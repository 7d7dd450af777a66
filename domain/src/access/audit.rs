//! The audit log: logins, sessions and changes of accounts.

use crate::registry::StoreError;
use crate::time::Timestamp;
use std::future::Future;

/// What an entry of the audit log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A successful login.
    Login,
    /// A login with an unknown name, a wrong secret, or for a disabled account.
    LoginRefused,
    /// A login during the pause after failed logins. Its secret was not compared.
    LoginThrottled,
    /// A refresh token was exchanged for a new pair of tokens.
    Refresh,
    /// A refresh token was invalid, or its session had ended.
    RefreshRefused,
    /// A refresh token was used a second time, so its session was ended.
    RefreshReused,
    /// The owner of a session ended it.
    Logout,
    /// A session ended because one of its tokens was revoked.
    Revocation,
    /// An account was created.
    Created,
    /// The scopes of an account were changed, or it was enabled or disabled.
    Changed,
    /// An account got a new secret.
    Rotated,
    /// An account was deleted.
    Deleted,
    /// An account was created or changed by the variable `service_accounts`.
    Seeded,
}

impl Event {
    /// Returns the name in the audit log. Names are stored, so they never change.
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

/// Where a call on accounts or sessions comes from, for the audit log and the login throttle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginOrigin {
    /// The address of the client, if it is known.
    pub address: Option<String>,
    /// The network that the client can choose its address from: failed logins are counted for all
    /// of it. The address itself for IPv4, and the /64 network for IPv6.
    pub network: Option<String>,
    /// The id of the request.
    pub request_id: String,
    /// The subject of the caller's token, if the call was authenticated.
    pub actor: Option<String>,
}

/// Writes the audit log.
pub trait Audit: Send + Sync {
    /// Adds an entry about `subject`. The entry is durable when this returns.
    fn note(
        &self,
        event: Event,
        subject: &str,
        origin: &LoginOrigin,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
