//! In-memory implementations of the ports, for tests.

use super::claim::Claim;
use super::outcome::{Outcome, Status};
use super::ports::{Claimed, JobArchive, JobRegistry, JobStore, Outbox, Waiting};
use super::record::{Question, Record};
use crate::audit::fakes::FakeAuditLog;
use crate::audit::{Access, AuditLog, Entry};
use crate::citizen::CitizenId;
use crate::holdings::Holdings;
use crate::page::Page;
use crate::registry::{RegistryError, StoreError};
use crate::time::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A registry that always gives the same answer, and counts the calls.
#[derive(Clone, Debug)]
pub struct FakeJobRegistry<Q: Question> {
    answer: Result<Q::Verdict, RegistryError>,
    found: Result<Option<Q::Verdict>, RegistryError>,
    calls: Arc<Mutex<u32>>,
    looks: Arc<Mutex<u32>>,
}

impl<Q: Question> FakeJobRegistry<Q> {
    /// Returns a registry that gives this answer, and finds no effect of an earlier attempt.
    pub fn answering(answer: Result<Q::Verdict, RegistryError>) -> Self {
        Self { answer, found: Ok(None), calls: Arc::default(), looks: Arc::default() }
    }

    /// Sets what a look for the effect of an earlier attempt returns.
    #[must_use]
    pub fn finding(self, found: Result<Option<Q::Verdict>, RegistryError>) -> Self {
        Self { found, ..self }
    }

    /// Returns how often the registry was asked.
    pub fn calls(&self) -> u32 {
        *lock(&self.calls)
    }

    /// Returns how often the registry was looked at for the effect of an earlier attempt.
    pub fn looks(&self) -> u32 {
        *lock(&self.looks)
    }
}

impl<Q: Question<Verdict: Clone + Sync>> JobRegistry<Q> for FakeJobRegistry<Q> {
    async fn ask(&self, _question: &Q) -> Result<Q::Verdict, RegistryError> {
        *lock(&self.calls) += 1;
        self.answer.clone()
    }

    async fn look(&self, _question: &Q) -> Result<Option<Q::Verdict>, RegistryError> {
        *lock(&self.looks) += 1;
        self.found.clone()
    }
}

#[derive(Clone, Debug)]
struct Row<Q> {
    record: Record<Q>,
    claim: String,
    claimed_until: Timestamp,
    outbox_due: Option<Timestamp>,
}

/// The records of a job in memory. Clones share them.
#[derive(Clone, Debug)]
pub struct FakeJobStore<Q> {
    rows: Arc<Mutex<Vec<Row<Q>>>>,
    audit: FakeAuditLog,
    down: bool,
}

impl<Q> Default for FakeJobStore<Q> {
    fn default() -> Self {
        Self { rows: Arc::default(), audit: FakeAuditLog::default(), down: false }
    }
}

impl<Q: Question> FakeJobStore<Q> {
    /// Returns a store whose every call fails.
    pub fn down() -> Self {
        Self { down: true, audit: FakeAuditLog::down(), ..Self::default() }
    }

    /// Returns a store whose audit log cannot be written.
    pub fn without_audit() -> Self {
        Self { audit: FakeAuditLog::down(), ..Self::default() }
    }

    /// Returns the entries of the audit log, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.audit.entries()
    }

    /// Returns the records, oldest first.
    pub fn records(&self) -> Vec<Record<Q>> {
        lock(&self.rows).iter().map(|row| row.record.clone()).collect()
    }

    fn rows(&self) -> Result<MutexGuard<'_, Vec<Row<Q>>>, StoreError> {
        if self.down { Err(StoreError) } else { Ok(lock(&self.rows)) }
    }
}

impl<Q: Question> JobStore<Q> for FakeJobStore<Q> {
    async fn claim(&self, claim: &Claim<Q>) -> Result<Claimed<Q>, StoreError> {
        let mut rows = self.rows()?;
        let Some(row) = rows.iter_mut().find(|row| row.record.message_id.key() == claim.message_id.key()) else {
            rows.push(Row {
                record: claim.pending_record(),
                claim: claim.token.clone(),
                claimed_until: claim.until,
                outbox_due: Some(claim.enqueue_at),
            });
            return Ok(Claimed::Acquired { id: claim.id.clone(), is_new: true, received_at: claim.at });
        };
        if row.record.request != claim.request {
            return Ok(Claimed::MessageIdReused);
        }
        if row.record.status.is_final() {
            return Ok(Claimed::Finished(Box::new(row.record.clone())));
        }
        if row.claimed_until > claim.at {
            return Ok(Claimed::InProgress(row.claimed_until.since(claim.at)));
        }
        (row.claim, row.claimed_until) = (claim.token.clone(), claim.until);
        row.outbox_due = row.outbox_due.max(Some(claim.enqueue_at));
        let Record { id, received_at, .. } = &row.record;
        Ok(Claimed::Acquired { id: id.clone(), is_new: false, received_at: *received_at })
    }

    async fn finish(&self, claim: &Claim<Q>, outcome: &Outcome, at: Timestamp) -> Result<Record<Q>, StoreError> {
        let mut rows = self.rows()?;
        let row =
            rows.iter_mut().find(|row| row.record.message_id.key() == claim.message_id.key()).ok_or(StoreError)?;
        if row.claim == claim.token && row.record.status == Status::Pending {
            row.record.finish(outcome, at);
            row.outbox_due = Some(claim.result_due(at));
        }
        Ok(row.record.clone())
    }

    async fn release(&self, claim: &Claim<Q>, at: Timestamp) -> Result<(), StoreError> {
        let mut rows = self.rows()?;
        if let Some(row) = rows.iter_mut().find(|row| row.claim == claim.token) {
            row.claimed_until = at;
        }
        Ok(())
    }
}

impl<Q: Question> JobArchive<Q> for FakeJobStore<Q> {
    async fn find(&self, id: &str) -> Result<Option<Record<Q>>, StoreError> {
        Ok(self.rows()?.iter().map(|row| &row.record).find(|record| record.id == id).cloned())
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<Record<Q>>), StoreError> {
        let mut own: Vec<_> = self.rows()?.iter().map(|row| row.record.clone()).collect();
        own.retain(|record| record.request.citizen() == citizen);
        own.sort_by_key(|record| std::cmp::Reverse(record.received_at));
        Ok((own.len() as u64, page.of(&own).to_vec()))
    }
}

impl<Q: Question> Holdings for FakeJobStore<Q> {
    type Record = Record<Q>;

    async fn held(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<Record<Q>>), StoreError> {
        self.history(citizen, page).await
    }

    async fn is_in_progress(&self, citizen: &CitizenId) -> Result<bool, StoreError> {
        let rows = self.rows()?;
        let mut own = rows.iter().filter(|row| row.record.request.citizen() == citizen);
        Ok(own.any(|row| !row.record.status.is_final() || row.outbox_due.is_some()))
    }

    async fn erase(&self, citizen: &CitizenId) -> Result<u64, StoreError> {
        let mut rows = self.rows()?;
        let before = rows.len();
        rows.retain(|row| row.record.request.citizen() != citizen);
        Ok((before - rows.len()) as u64)
    }
}

impl<Q: Question> AuditLog for FakeJobStore<Q> {
    async fn note(&self, entry: &Entry) -> Result<(), StoreError> {
        self.audit.note(entry).await
    }

    async fn accesses(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<Access>), StoreError> {
        self.audit.accesses(citizen, page).await
    }

    async fn forget(&self, citizen: &CitizenId, digest: &str) -> Result<(), StoreError> {
        self.audit.forget(citizen, digest).await
    }
}

impl<Q: Question> Outbox<Q> for FakeJobStore<Q> {
    async fn lease(
        &self,
        limit: u64,
        _lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Record<Q>>, StoreError> {
        let mut rows = self.rows()?;
        let mut due: Vec<_> = rows.iter_mut().filter(|row| row.outbox_due.is_some_and(|due| due <= now)).collect();
        due.sort_by_key(|row| row.outbox_due);
        let leased = due.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|row| {
            row.outbox_due = Some(until);
            row.record.clone()
        });
        Ok(leased.collect())
    }

    async fn waiting(&self) -> Result<Waiting, StoreError> {
        let rows = self.rows()?;
        let waiting = rows.iter().filter(|row| row.outbox_due.is_some()).map(|row| &row.record);
        let (finished, pending): (Vec<_>, Vec<_>) = waiting.partition(|record| record.status.is_final());
        Ok(Waiting {
            pending_since: pending.iter().map(|record| record.received_at).min(),
            unpublished_since: finished.iter().filter_map(|record| record.processed_at).min(),
        })
    }

    async fn results_published(&self, ids: &[String], at: Timestamp) -> Result<(), StoreError> {
        for row in self.rows()?.iter_mut().filter(|row| ids.contains(&row.record.id) && row.record.status.is_final()) {
            row.outbox_due = None;
            row.record.event_published_at = row.record.event_published_at.or(Some(at));
        }
        Ok(())
    }

    async fn requests_published(&self, ids: &[String], again: Timestamp) -> Result<(), StoreError> {
        for row in self.rows()?.iter_mut().filter(|row| ids.contains(&row.record.id) && !row.record.status.is_final()) {
            row.outbox_due = Some(again);
        }
        Ok(())
    }
}
