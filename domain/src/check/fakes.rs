//! In-memory implementations of the ports, for tests.

use super::ports::{AffiliatedCache, CheckStore, Registry};
use super::record::{Affiliation, CheckRecord, HeldCheck, StoredCheck};
use crate::citizen::CitizenId;
use crate::holdings::Holdings;
use crate::page::Page;
use crate::registry::{RegistryError, StoreError};
use crate::verdict::Evidence;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A registry that always gives the same answer, and counts the calls.
#[derive(Clone, Debug)]
pub struct FakeRegistry {
    answer: Result<Affiliation, RegistryError>,
    calls: Arc<Mutex<u32>>,
}

impl FakeRegistry {
    /// Returns a registry that gives this answer.
    pub fn answering(answer: Result<Affiliation, RegistryError>) -> Self {
        Self { answer, calls: Arc::default() }
    }

    /// Returns how often the registry was asked.
    pub fn calls(&self) -> u32 {
        *lock(&self.calls)
    }
}

impl Registry for FakeRegistry {
    async fn check(&self, _citizen: &CitizenId) -> Result<Affiliation, RegistryError> {
        *lock(&self.calls) += 1;
        self.answer.clone()
    }
}

/// Records of checks in memory.
#[derive(Clone, Debug, Default)]
pub struct FakeStore {
    records: Arc<Mutex<Vec<CheckRecord>>>,
    statements: Arc<Mutex<usize>>,
    down: bool,
}

impl FakeStore {
    /// Returns a store whose every call fails.
    pub fn down() -> Self {
        Self { down: true, ..Self::default() }
    }

    /// Returns the records, oldest first.
    pub fn records(&self) -> Vec<CheckRecord> {
        lock(&self.records).clone()
    }

    /// Returns how often records were written.
    pub fn statements(&self) -> usize {
        *lock(&self.statements)
    }

    fn page(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<CheckRecord>), StoreError> {
        if self.down {
            return Err(StoreError);
        }
        let own: Vec<_> = self.records().into_iter().rev().filter(|record| record.citizen() == citizen).collect();
        Ok((own.len() as u64, page.of(&own).to_vec()))
    }
}

impl CheckStore for FakeStore {
    async fn record(&self, records: &[CheckRecord]) -> Result<(), StoreError> {
        let mut held = lock(&self.records);
        let is_held = |record: &CheckRecord| held.iter().any(|held| held.id() == record.id());
        if self.down || records.iter().any(is_held) {
            return Err(StoreError);
        }
        held.extend_from_slice(records);
        *lock(&self.statements) += 1;
        Ok(())
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<StoredCheck>), StoreError> {
        let (count, records) = self.page(citizen, page)?;
        Ok((count, records.iter().map(StoredCheck::from).collect()))
    }
}

impl Holdings for FakeStore {
    type Record = HeldCheck;

    async fn held(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<HeldCheck>), StoreError> {
        let (count, records) = self.page(citizen, page)?;
        Ok((count, records.iter().map(HeldCheck::from).collect()))
    }

    async fn is_in_progress(&self, _citizen: &CitizenId) -> Result<bool, StoreError> {
        if self.down { Err(StoreError) } else { Ok(false) }
    }

    async fn erase(&self, citizen: &CitizenId) -> Result<u64, StoreError> {
        let before = self.records().len();
        lock(&self.records).retain(|record| record.citizen() != citizen);
        if self.down { Err(StoreError) } else { Ok((before - self.records().len()) as u64) }
    }
}

/// A cache in memory without expiry.
#[derive(Clone, Debug, Default)]
pub struct FakeAffiliatedCache(Arc<Mutex<HashMap<CitizenId, Evidence>>>);

impl AffiliatedCache for FakeAffiliatedCache {
    async fn get(&self, citizen: &CitizenId) -> Option<Evidence> {
        lock(&self.0).get(citizen).cloned()
    }

    async fn put(&self, citizen: &CitizenId, evidence: &Evidence) {
        lock(&self.0).insert(citizen.clone(), evidence.clone());
    }

    async fn forget(&self, citizen: &CitizenId) {
        lock(&self.0).remove(citizen);
    }
}
