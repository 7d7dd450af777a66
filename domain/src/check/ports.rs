//! The ports of the affiliation check.

use super::record::{Affiliation, CheckRecord, StoredCheck};
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::{RegistryError, StoreError};
use crate::verdict::Evidence;
use std::future::Future;

/// Asks a registry about citizens.
pub trait Registry: Send + Sync {
    /// Asks whether an operator has affiliated the citizen.
    fn check(&self, citizen: &CitizenId) -> impl Future<Output = Result<Affiliation, RegistryError>> + Send;
}

/// Stores the records of checks.
pub trait CheckStore: Send + Sync {
    /// Writes 1 to [`MAX_BATCH`](super::MAX_BATCH) records in one statement: all of them, or none.
    /// They are durable when this returns.
    fn record(&self, records: &[CheckRecord]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the number of a citizen's checks, and one page of them, newest first.
    fn history(
        &self,
        citizen: &CitizenId,
        page: Page,
    ) -> impl Future<Output = Result<(u64, Vec<StoredCheck>), StoreError>> + Send;
}

/// Caches the answer "already affiliated" for a limited time. No other answer is cached.
///
/// Errors are handled as cache misses, so the methods return none.
pub trait AffiliatedCache: Send + Sync {
    /// Returns the evidence of the cached answer about a citizen.
    fn get(&self, citizen: &CitizenId) -> impl Future<Output = Option<Evidence>> + Send;

    /// Caches the answer about a citizen.
    fn put(&self, citizen: &CitizenId, evidence: &Evidence) -> impl Future<Output = ()> + Send;

    /// Forgets the answer about a citizen.
    fn forget(&self, citizen: &CitizenId) -> impl Future<Output = ()> + Send;
}
