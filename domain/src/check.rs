//! The affiliation check: what is asked, what is recorded, what is answered. In that order.

#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod record;

pub use record::{CheckRecord, CheckStatus, StoredCheck};

pub use crate::registry::{NoVerdict, RegistryError, StoreError};

use crate::citizen::CitizenId;
use crate::page::Page;
use crate::time::Timestamp;
use crate::verdict::{Cause, Evidence};
use std::future::Future;
use std::time::Duration;

/// The registry's verdict, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affiliation {
    /// Nobody has affiliated this citizen.
    None(Evidence),
    /// An operator has.
    Affiliated(Evidence),
}

/// Asks the registry.
pub trait Registry: Send + Sync {
    /// Is this citizen affiliated with an operator?
    fn check(&self, citizen: &CitizenId) -> impl Future<Output = Result<Affiliation, RegistryError>> + Send;
}

/// Keeps the records.
pub trait CheckStore: Send + Sync {
    /// Commits a record. It is durable when this returns.
    fn record(&self, record: &CheckRecord) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A citizen's checks, newest first, and how many there are in all.
    fn history(
        &self,
        citizen: &CitizenId,
        page: Page,
    ) -> impl Future<Output = Result<(u64, Vec<StoredCheck>), StoreError>> + Send;
}

/// Remembers "already affiliated" for a while, and nothing else. A memory that fails has forgotten.
pub trait AffiliatedMemory: Send + Sync {
    /// The evidence, if this citizen is remembered.
    fn recall(&self, citizen: &CitizenId) -> impl Future<Output = Option<Evidence>> + Send;

    /// Remembers.
    fn remember(&self, citizen: &CitizenId, evidence: &Evidence) -> impl Future<Output = ()> + Send;
}

/// Why a check has no answer. Whatever it is, a record says so; if even that failed, [`CheckError::NotRecorded`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// The registry gave no verdict.
    NoVerdict {
        /// Why.
        cause: Cause,
        /// When to ask again.
        retry_after: Duration,
    },
    /// The registry refused the question.
    Refused,
    /// The registry's answer cannot be understood.
    UnexpectedResponse,
    /// The check could not be recorded, so it is not answered.
    NotRecorded,
}

/// Checks a citizen: asks (or remembers), records, and only then answers.
///
/// `now` is asked when the registry has answered: that is the time of the check.
pub async fn check_affiliation<R: Registry, S: CheckStore, M: AffiliatedMemory>(
    registry: &R,
    store: &S,
    memory: &M,
    citizen: &CitizenId,
    id: String,
    now: impl Fn() -> Timestamp + Send,
) -> Result<CheckRecord, CheckError> {
    let remembered = memory.recall(citizen).await;
    let is_news = remembered.is_none();
    let outcome = match remembered {
        Some(evidence) => Ok(Affiliation::Affiliated(evidence)),
        None => registry.check(citizen).await,
    };
    let record = CheckRecord::from_answer(id, now(), citizen.clone(), &outcome);
    store.record(&record).await.map_err(|StoreError| CheckError::NotRecorded)?;
    match outcome {
        Ok(Affiliation::None(_)) => Ok(record),
        Ok(Affiliation::Affiliated(evidence)) => {
            if is_news {
                memory.remember(citizen, &evidence).await;
            }
            Ok(record)
        }
        Err(RegistryError::Unavailable(NoVerdict { cause, retry_after, .. })) => {
            Err(CheckError::NoVerdict { cause, retry_after })
        }
        Err(RegistryError::Refused(_)) => Err(CheckError::Refused),
        Err(RegistryError::UnexpectedResponse(_)) => Err(CheckError::UnexpectedResponse),
    }
}

#[cfg(test)]
mod tests;
