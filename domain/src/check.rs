//! The affiliation check: ask the registry, record the answer, then return it.

#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod ports;
mod record;

pub use crate::registry::{NoVerdict, RegistryError, StoreError};
pub use ports::{AffiliatedCache, CheckStore, Registry};
pub use record::{Affiliation, CheckRecord, CheckRequest, CheckStatus, HeldCheck, StoredCheck};

use crate::time::Timestamp;
use crate::verdict::Cause;
use std::time::Duration;

/// Why a check has no answer. Unless it is [`CheckError::NotRecorded`], a record with the status
/// `ERROR` has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// The registry gave no verdict.
    NoVerdict {
        /// Why there is no verdict.
        cause: Cause,
        /// How long to wait before asking again.
        retry_after: Duration,
    },
    /// The registry rejected the question as invalid.
    Refused,
    /// The registry's response is not part of its contract.
    UnexpectedResponse,
    /// The check could not be recorded, so the verdict is not returned.
    NotRecorded,
}

/// Checks whether a citizen is affiliated with an operator, and records the result.
///
/// The registry is not asked if `cache` has the answer. `now` is called after the registry has
/// answered: it is the time of the check. The record is written before this function returns;
/// without a record there is no answer.
pub async fn check_affiliation<R: Registry, S: CheckStore, C: AffiliatedCache>(
    registry: &R,
    store: &S,
    cache: &C,
    request: CheckRequest,
    now: impl Fn() -> Timestamp + Send,
) -> Result<CheckRecord, CheckError> {
    let cached = cache.get(&request.citizen).await;
    let is_new = cached.is_none();
    let answer = match cached {
        Some(evidence) => Ok(Affiliation::Affiliated(evidence)),
        None => registry.check(&request.citizen).await,
    };
    let record = CheckRecord::from_answer(request, now(), &answer);
    store.record(&record).await.map_err(|StoreError| CheckError::NotRecorded)?;
    match answer {
        Ok(Affiliation::None(_)) => Ok(record),
        Ok(Affiliation::Affiliated(evidence)) => {
            if is_new {
                cache.put(record.citizen(), &evidence).await;
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
