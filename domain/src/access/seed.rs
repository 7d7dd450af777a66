//! Seeds: accounts that an operator describes in a setting. Each version of a seed is applied once.

use super::account::AccountName;
use super::scope::Scopes;
use super::session::Session;
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::future::Future;

/// One version of a seed, which creates an account or gives it another secret and other scopes.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed {
    /// The name of the account.
    pub name: AccountName,
    /// The version, which is compared with the one that was applied last.
    pub version: u64,
    /// The scopes of the account.
    pub scopes: Scopes,
    /// The hash of the account's secret, as [`Secrets::verify`](super::Secrets::verify) takes it.
    pub secret_hash: String,
}

/// Stores which seeds have been applied. What is stored about a seed stays when its account is
/// deleted, so that the account is not created again.
pub trait Seeds: Send + Sync {
    /// Returns the version of each seed that was applied last.
    fn applied_seeds(&self) -> impl Future<Output = Result<BTreeMap<AccountName, u64>, StoreError>> + Send;

    /// Applies a seed and ends the sessions of its account, in one transaction, unless this version
    /// or a later one has been applied. Of several callers with the same version, one applies it.
    /// `id` is unique to this call.
    ///
    /// Returns the sessions that ended, or `None` if the seed was not applied.
    fn apply_seed(
        &self,
        seed: &Seed,
        id: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<Vec<Session>>, StoreError>> + Send;
}
