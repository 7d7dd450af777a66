//! An audit log in memory, for tests.

use super::{Access, AuditLog, Entry};
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::StoreError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An audit log in memory.
#[derive(Clone, Debug, Default)]
pub struct FakeAuditLog {
    entries: Arc<Mutex<Vec<Entry>>>,
    down: bool,
}

impl FakeAuditLog {
    /// Returns an audit log whose every call fails.
    pub fn down() -> Self {
        Self { down: true, ..Self::default() }
    }

    /// Returns the entries, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down { Err(StoreError) } else { Ok(()) }
    }
}

impl AuditLog for FakeAuditLog {
    async fn note(&self, entry: &Entry) -> Result<(), StoreError> {
        self.up()?;
        if self.entries().iter().all(|other| other.id != entry.id) {
            self.lock().push(entry.clone());
        }
        Ok(())
    }

    async fn accesses(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<Access>), StoreError> {
        self.up()?;
        let entries = self.entries().into_iter().rev();
        let own: Vec<_> = entries.filter(|entry| entry.citizen.as_deref() == Some(citizen.as_str())).collect();
        let access = |entry: &Entry| Access {
            at: entry.at,
            action: entry.action.as_str().to_owned(),
            subject: entry.subject.clone(),
            address: entry.address.clone(),
            request_id: entry.request_id.clone(),
            target: entry.target.clone(),
        };
        Ok((own.len() as u64, page.of(&own).iter().map(access).collect()))
    }

    async fn forget(&self, citizen: &CitizenId, digest: &str) -> Result<(), StoreError> {
        self.up()?;
        for entry in self.lock().iter_mut().filter(|entry| entry.citizen.as_deref() == Some(citizen.as_str())) {
            entry.citizen = Some(digest.to_owned());
        }
        Ok(())
    }
}
