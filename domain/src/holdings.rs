//! What is held about one citizen: to show it, and to erase it.

use crate::audit::{AuditLog, Entry, erased_citizen};
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::StoreError;
use std::future::Future;

/// The records of one kind that are held about citizens.
pub trait Holdings: Send + Sync {
    /// A record with everything that is held of it.
    type Record: Send;

    /// Returns the number of a citizen's records, and one page of them, newest first.
    fn held(
        &self,
        citizen: &CitizenId,
        page: Page,
    ) -> impl Future<Output = Result<(u64, Vec<Self::Record>), StoreError>> + Send;

    /// Returns whether a record of the citizen is still needed to finish a request.
    fn is_in_progress(&self, citizen: &CitizenId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Erases the records of a citizen, except those that are still needed to finish a request.
    /// Returns how many were erased.
    fn erase(&self, citizen: &CitizenId) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// The result of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// This many records were erased.
    Erased(u64),
    /// Nothing was erased, because a request about the citizen is in progress.
    InProgress,
}

/// Erases the records of a citizen, and the citizen's id in the audit log.
///
/// `entry` is the entry for the erasure. It is written first, with the citizen's id replaced by
/// [`erased_citizen`], so that nothing is erased without an entry. An erasure that failed in the
/// middle can be repeated.
pub async fn erase<H: Holdings, L: AuditLog>(
    holdings: &H,
    log: &L,
    citizen: &CitizenId,
    receipt: &str,
    entry: Entry,
) -> Result<Erasure, StoreError> {
    if holdings.is_in_progress(citizen).await? {
        return Ok(Erasure::InProgress);
    }
    let digest = erased_citizen(citizen, receipt);
    log.note(&Entry { citizen: Some(digest.clone()), ..entry }).await?;
    let erased = holdings.erase(citizen).await?;
    log.forget(citizen, &digest).await?;
    Ok(Erasure::Erased(erased))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Action;
    use crate::audit::fakes::FakeAuditLog;
    use crate::time::Timestamp;
    use std::sync::Mutex;

    /// As many records of one citizen as the number says; `None` while a request is in progress.
    struct Records(Mutex<Option<u64>>);

    impl Holdings for Records {
        type Record = ();

        async fn held(&self, _citizen: &CitizenId, _page: Page) -> Result<(u64, Vec<()>), StoreError> {
            Err(StoreError)
        }

        async fn is_in_progress(&self, _citizen: &CitizenId) -> Result<bool, StoreError> {
            Ok(self.0.lock().expect("a lock").is_none())
        }

        async fn erase(&self, _citizen: &CitizenId) -> Result<u64, StoreError> {
            Ok(self.0.lock().expect("a lock").replace(0).unwrap_or_default())
        }
    }

    fn citizen() -> CitizenId {
        CitizenId::parse("1128456232").expect("an id")
    }

    fn entry(id: &str, action: Action) -> Entry {
        Entry {
            id: id.into(),
            at: Timestamp::from_micros(0),
            action,
            subject: "clerk".into(),
            address: None,
            request_id: "r-1".into(),
            citizen: Some(citizen().as_str().to_owned()),
            target: None,
            outcome: 200,
        }
    }

    async fn run(records: &Records, log: &FakeAuditLog) -> Result<Erasure, StoreError> {
        erase(records, log, &citizen(), "receipt", entry("2", Action::CitizenErased)).await
    }

    #[tokio::test]
    async fn erasure_leaves_entries_without_the_citizen() {
        let (records, log) = (Records(Mutex::new(Some(3))), FakeAuditLog::default());
        log.note(&entry("1", Action::HistoryRead)).await.expect("an entry");
        assert_eq!(run(&records, &log).await, Ok(Erasure::Erased(3)));
        let digest = erased_citizen(&citizen(), "receipt");
        let left: Vec<_> = log.entries().into_iter().map(|entry| (entry.action, entry.citizen)).collect();
        assert_eq!(left, [Action::HistoryRead, Action::CitizenErased].map(|action| (action, Some(digest.clone()))));
    }

    #[tokio::test]
    async fn nothing_is_erased_without_an_entry() {
        let records = Records(Mutex::new(Some(3)));
        assert_eq!(run(&records, &FakeAuditLog::down()).await, Err(StoreError));
        assert_eq!(*records.0.lock().expect("a lock"), Some(3));
    }

    #[tokio::test]
    async fn request_in_progress_prevents_the_erasure() {
        let (records, log) = (Records(Mutex::new(None)), FakeAuditLog::default());
        assert_eq!(run(&records, &log).await, Ok(Erasure::InProgress));
        assert!(log.entries().is_empty());
    }
}
