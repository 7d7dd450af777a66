//! In-memory ports, for tests.

use super::{AffiliatedMemory, Affiliation, CheckRecord, CheckStore, Registry, RegistryError, StoreError, StoredCheck};
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::verdict::Evidence;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A registry that always answers the same, and counts.
#[derive(Clone, Debug)]
pub struct FakeRegistry {
    answer: Result<Affiliation, RegistryError>,
    calls: Arc<Mutex<u32>>,
}

impl FakeRegistry {
    /// A registry with this answer.
    pub fn answering(answer: Result<Affiliation, RegistryError>) -> Self {
        Self { answer, calls: Arc::default() }
    }

    /// How often it was asked.
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

/// Records in memory.
#[derive(Clone, Debug, Default)]
pub struct FakeStore {
    records: Arc<Mutex<Vec<CheckRecord>>>,
    down: bool,
}

impl FakeStore {
    /// A store that cannot be reached.
    pub fn down() -> Self {
        Self { down: true, ..Self::default() }
    }

    /// What was recorded, oldest first.
    pub fn records(&self) -> Vec<CheckRecord> {
        lock(&self.records).clone()
    }
}

impl CheckStore for FakeStore {
    async fn record(&self, record: &CheckRecord) -> Result<(), StoreError> {
        if self.down {
            return Err(StoreError);
        }
        lock(&self.records).push(record.clone());
        Ok(())
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<StoredCheck>), StoreError> {
        if self.down {
            return Err(StoreError);
        }
        let own: Vec<_> = self.records().into_iter().rev().filter(|record| record.citizen() == citizen).collect();
        let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let taken = usize::try_from(page.size()).unwrap_or(usize::MAX);
        let shown = own.iter().skip(skipped).take(taken).map(|record| StoredCheck {
            id: record.id().to_owned(),
            status: record.status(),
            message: record.message().to_owned(),
            checked_at: record.checked_at(),
        });
        Ok((own.len() as u64, shown.collect()))
    }
}

/// A memory that remembers.
#[derive(Clone, Debug, Default)]
pub struct FakeMemory(Arc<Mutex<HashMap<CitizenId, Evidence>>>);

impl AffiliatedMemory for FakeMemory {
    async fn recall(&self, citizen: &CitizenId) -> Option<Evidence> {
        lock(&self.0).get(citizen).cloned()
    }

    async fn remember(&self, citizen: &CitizenId, evidence: &Evidence) {
        lock(&self.0).insert(citizen.clone(), evidence.clone());
    }
}
