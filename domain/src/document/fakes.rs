//! In-memory implementations of the ports, for tests.

use super::claim::{Claim, Origin};
use super::ports::{Claimed, DocumentArchive, DocumentRegistry, DocumentStore, Outbox};
use super::record::{Authenticity, DocumentRecord, DocumentStatus, Outcome};
use super::request::DocumentRequest;
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::{RegistryError, StoreError};
use crate::time::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A registry that always gives the same answer, and counts the calls.
#[derive(Clone, Debug)]
pub struct FakeDocumentRegistry {
    answer: Result<Authenticity, RegistryError>,
    calls: Arc<Mutex<u32>>,
}

impl FakeDocumentRegistry {
    /// Returns a registry that gives this answer.
    pub fn answering(answer: Result<Authenticity, RegistryError>) -> Self {
        Self { answer, calls: Arc::default() }
    }

    /// Returns how often the registry was asked.
    pub fn calls(&self) -> u32 {
        *lock(&self.calls)
    }
}

impl DocumentRegistry for FakeDocumentRegistry {
    async fn authenticate(&self, _request: &DocumentRequest) -> Result<Authenticity, RegistryError> {
        *lock(&self.calls) += 1;
        self.answer.clone()
    }
}

#[derive(Clone, Debug)]
struct Row {
    record: DocumentRecord,
    claim: String,
    claimed_until: Timestamp,
    outbox_due: Option<Timestamp>,
}

/// Records of document authentications in memory.
#[derive(Clone, Debug, Default)]
pub struct FakeDocumentStore {
    rows: Arc<Mutex<Vec<Row>>>,
    down: bool,
}

impl FakeDocumentStore {
    /// Returns a store whose every call fails.
    pub fn down() -> Self {
        Self { down: true, ..Self::default() }
    }

    /// Returns the records, oldest first.
    pub fn records(&self) -> Vec<DocumentRecord> {
        lock(&self.rows).iter().map(|row| row.record.clone()).collect()
    }

    fn rows(&self) -> Result<MutexGuard<'_, Vec<Row>>, StoreError> {
        if self.down { Err(StoreError) } else { Ok(lock(&self.rows)) }
    }
}

impl DocumentStore for FakeDocumentStore {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        let mut rows = self.rows()?;
        let Some(row) = rows.iter_mut().find(|row| row.record.message_id == claim.message_id) else {
            let outbox_due = match claim.origin {
                Origin::Queue => None,
                Origin::Http { hand_over } => Some(hand_over),
            };
            let (token, until) = (claim.token.clone(), claim.until);
            rows.push(Row { record: DocumentRecord::pending(claim), claim: token, claimed_until: until, outbox_due });
            return Ok(Claimed::Mine(claim.id.clone()));
        };
        if row.record.request != claim.request {
            return Ok(Claimed::Different);
        }
        if row.record.status.is_final() {
            return Ok(Claimed::Finished(Box::new(row.record.clone())));
        }
        if row.claimed_until > claim.at {
            return Ok(Claimed::InProgress(row.claimed_until.since(claim.at)));
        }
        (row.claim, row.claimed_until) = (claim.token.clone(), claim.until);
        Ok(Claimed::Mine(row.record.id.clone()))
    }

    async fn finish(&self, claim: &Claim, outcome: &Outcome, at: Timestamp) -> Result<DocumentRecord, StoreError> {
        let mut rows = self.rows()?;
        let row = rows.iter_mut().find(|row| row.record.message_id == claim.message_id).ok_or(StoreError)?;
        if row.claim == claim.token && row.record.status == DocumentStatus::Pending {
            row.record.finish(outcome, at);
            row.outbox_due = Some(at);
        }
        Ok(row.record.clone())
    }

    async fn release(&self, claim: &Claim, at: Timestamp) -> Result<(), StoreError> {
        let mut rows = self.rows()?;
        if let Some(row) = rows.iter_mut().find(|row| row.claim == claim.token) {
            row.claimed_until = at;
        }
        Ok(())
    }
}

impl DocumentArchive for FakeDocumentStore {
    async fn find(&self, id: &str) -> Result<Option<DocumentRecord>, StoreError> {
        Ok(self.rows()?.iter().map(|row| &row.record).find(|record| record.id == id).cloned())
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<DocumentRecord>), StoreError> {
        let own: Vec<_> = self
            .rows()?
            .iter()
            .rev()
            .map(|row| &row.record)
            .filter(|it| it.request.citizen == *citizen)
            .cloned()
            .collect();
        let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let taken = usize::try_from(page.size()).unwrap_or(usize::MAX);
        Ok((own.len() as u64, own.into_iter().skip(skipped).take(taken).collect()))
    }
}

impl Outbox for FakeDocumentStore {
    async fn lease(
        &self,
        limit: u64,
        _lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<DocumentRecord>, StoreError> {
        let mut rows = self.rows()?;
        let due = rows.iter_mut().filter(|row| row.outbox_due.is_some_and(|due| due <= now));
        let taken = due.take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|row| {
            row.outbox_due = Some(until);
            row.record.clone()
        });
        Ok(taken.collect())
    }

    async fn results_published(&self, ids: &[String], at: Timestamp) -> Result<(), StoreError> {
        for row in self.rows()?.iter_mut().filter(|row| ids.contains(&row.record.id) && row.record.status.is_final()) {
            row.outbox_due = None;
            row.record.event_published_at = Some(at);
        }
        Ok(())
    }

    async fn requests_published(&self, ids: &[String]) -> Result<(), StoreError> {
        for row in self.rows()?.iter_mut().filter(|row| ids.contains(&row.record.id) && !row.record.status.is_final()) {
            row.outbox_due = None;
        }
        Ok(())
    }
}
