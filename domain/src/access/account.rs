//! Service accounts and the ports that store them.

use super::scope::Scopes;
use super::session::Session;
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::fmt;
use std::future::Future;

/// The name of a service account: 1 to 64 ASCII letters, digits and `.`, `_`, `-`; the first
/// character is a letter or a digit.
///
/// ```
/// use connectivity_domain::access::AccountName;
///
/// assert_eq!(AccountName::parse("operator-1").expect("a valid name").as_str(), "operator-1");
/// assert!(AccountName::parse("-operator").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

/// The text is not a valid account name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name must have 1 to 64 of the characters a-z, A-Z, 0-9, '.', '_' and '-', and begin with a letter or a digit"
)]
pub struct NameError;

impl AccountName {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= 64 && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A service account, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The unique name, which is the subject of the account's tokens.
    pub name: AccountName,
    /// The scopes that its tokens may have.
    pub scopes: Scopes,
    /// Whether the account is disabled. A disabled account cannot log in.
    pub disabled: bool,
    /// When the account was created.
    pub created_at: Timestamp,
    /// When the account got its present secret.
    pub rotated_at: Timestamp,
    /// When the account last logged in.
    pub last_used_at: Option<Timestamp>,
    /// The rate limit of its calls, as its tokens carry it; `None` for the default.
    pub rate_limit: Option<String>,
}

/// A service account with the hash of its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredAccount {
    /// The account.
    pub account: Account,
    /// The hash of the secret, as [`Secrets::verify`] takes it.
    pub secret_hash: String,
}

/// A secret that replaces the present one.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// The hash of the secret.
    pub hash: String,
    /// When it replaces the present one.
    pub at: Timestamp,
}

/// The change of an account's rate limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RateLimitChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes the default.
    Default,
    /// It becomes this one.
    Own(String),
}

/// The changes of an account. A field that is `None` stays as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The new scopes.
    pub scopes: Option<Scopes>,
    /// Whether the account is disabled.
    pub disabled: Option<bool>,
    /// The new secret.
    pub secret: Option<NewSecret>,
    /// The new rate limit.
    pub rate_limit: RateLimitChange,
    /// Whether the sessions of the account end with the change.
    pub ends_sessions: bool,
}

/// Stores the service accounts.
pub trait Accounts: Send + Sync {
    /// Returns the account with this name.
    fn find(&self, name: &AccountName) -> impl Future<Output = Result<Option<StoredAccount>, StoreError>> + Send;

    /// Returns all accounts, sorted by name.
    fn list(&self) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;

    /// Adds an account. Returns false, and changes nothing, if the name is taken.
    fn insert(&self, account: &StoredAccount) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Changes an account and ends its sessions if the change says so, in one transaction. Returns
    /// the sessions that ended. Does nothing if there is no account with this name.
    fn change(
        &self,
        name: &AccountName,
        change: &AccountChange,
        at: Timestamp,
    ) -> impl Future<Output = Result<Vec<Session>, StoreError>> + Send;

    /// Deletes an account and ends its sessions, in one transaction. Returns the sessions that
    /// ended. Does nothing if there is no account with this name.
    fn delete(
        &self,
        name: &AccountName,
        at: Timestamp,
    ) -> impl Future<Output = Result<Vec<Session>, StoreError>> + Send;

    /// Records that the account logged in.
    fn used(&self, name: &AccountName, at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Compares secrets with stored hashes.
pub trait Secrets: Send + Sync {
    /// Returns whether `secret` is the one that `hash` was made from. Without a hash the result is
    /// false, after the same time, so that the duration of a login does not reveal whether the
    /// account exists.
    fn verify(&self, hash: Option<&str>, secret: &str) -> bool;

    /// Remembers for a while that `secret` is the one that `hash` was made from. `network` is where
    /// it came from.
    fn remember(&self, hash: &str, secret: &str, network: &str, now: Timestamp);

    /// Returns whether this was remembered for the same hash, secret and network. It costs little
    /// and says nothing about other secrets.
    fn is_remembered(&self, hash: &str, secret: &str, network: &str, now: Timestamp) -> bool;
}
