//! Service accounts.

use super::Scopes;
use crate::time::Timestamp;
use std::fmt;

/// The name of a service account: 1 to 64 of `a` to `z`, `A` to `Z`, `0` to `9`, `.`, `_` and `-`, the first one a letter
/// or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

/// A text that is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 of the characters a-z, A-Z, 0-9, '.', '_' and '-', and begins with a letter or a digit")]
pub struct NameError;

impl AccountName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= 64 && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }

    /// The name.
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
    /// Its name.
    pub name: AccountName,
    /// What it may do.
    pub scopes: Scopes,
    /// It may not log in.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it got its secret.
    pub rotated_at: Timestamp,
    /// When somebody logged in with it last.
    pub last_used_at: Option<Timestamp>,
}

/// An account as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// All but its secret.
    pub account: Account,
    /// What is kept of the secret.
    pub secret_hash: String,
    /// Which content of the variable `service_accounts` was last written into it.
    pub seed: Option<String>,
}

/// A secret that replaces the one before.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// What is kept of it.
    pub hash: String,
    /// From when.
    pub at: Timestamp,
}

/// What becomes different about an account; nothing else does.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// What it may do.
    pub scopes: Option<Scopes>,
    /// Whether it may log in.
    pub disabled: Option<bool>,
    /// Its secret.
    pub secret: Option<NewSecret>,
    /// The content of the variable `service_accounts` that says so.
    pub seed: Option<String>,
}
