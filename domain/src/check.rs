//! The affiliation check: ask the registry, record the answer, then return it.

mod batch;
#[cfg(any(test, feature = "fakes"))]
pub mod contract;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod ports;
mod record;

pub use crate::registry::{NoVerdict, RegistryError, StoreError};
pub use batch::{Batch, MAX_BATCH};
pub use ports::{AffiliatedCache, CheckStore, Registry};
pub use record::{Affiliation, CheckRecord, CheckRequest, CheckStatus, HeldCheck, StoredCheck};

use crate::time::Timestamp;
use crate::verdict::Cause;
use futures_util::future::join_all;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many questions the registry is asked at the same time for one request.
const AT_ONCE: usize = 8;

/// Why a check has no verdict. A record with the status `ERROR` has been written.
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
}

/// An answer about one citizen, before it is recorded.
struct Asked {
    /// The position among the requests.
    position: usize,
    record: CheckRecord,
    answer: Result<Affiliation, RegistryError>,
    /// Whether the registry gave the answer, and not the cache.
    is_new: bool,
}

/// Checks whether citizens are affiliated with an operator, and records the results. Returns the
/// results in the order of the requests. Each request is about another citizen.
///
/// The registry is asked about at most eight citizens at a time, and about none whose answer `cache`
/// has. `now` is called after the registry has answered: it is the time of the check. All records are
/// written together before this function returns.
///
/// # Errors
///
/// The records could not be written. Then there is no answer about any of the citizens.
pub async fn check_affiliations<R: Registry, S: CheckStore, C: AffiliatedCache>(
    registry: &R,
    store: &S,
    cache: &C,
    requests: Vec<CheckRequest>,
    now: impl Fn() -> Timestamp + Send + Sync,
) -> Result<Vec<Result<CheckRecord, CheckError>>, StoreError> {
    // As many as are asked at once take one request after the other. `FuturesUnordered` would do it, but
    // it wakes its task once more for each event.
    let at_once = requests.len().min(AT_ONCE);
    let waiting = Mutex::new(requests.into_iter().enumerate());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let asking = (0..at_once).map(async |_| {
        let mut asked = Vec::new();
        while let Some((position, request)) = next() {
            asked.push(ask(registry, cache, position, request, &now).await);
        }
        asked
    });
    let mut asked = join_all(asking).await.into_iter().flatten().collect::<Vec<_>>();
    asked.sort_unstable_by_key(|asked| asked.position);
    let (records, answers): (Vec<_>, Vec<_>) =
        asked.into_iter().map(|asked| (asked.record, (asked.answer, asked.is_new))).unzip();
    if !records.is_empty() {
        store.record(&records).await?;
    }
    let caching = records.iter().zip(&answers).filter_map(|(record, answer)| match answer {
        (Ok(Affiliation::Affiliated(evidence)), true) => Some(cache.put(record.citizen(), evidence)),
        _ => None,
    });
    join_all(caching).await;
    Ok(records.into_iter().zip(answers).map(|(record, (answer, _))| result(record, &answer)).collect())
}

async fn ask<R: Registry, C: AffiliatedCache>(
    registry: &R,
    cache: &C,
    position: usize,
    request: CheckRequest,
    now: &(impl Fn() -> Timestamp + Sync),
) -> Asked {
    let cached = cache.get(&request.citizen).await;
    let is_new = cached.is_none();
    let answer = match cached {
        Some(evidence) => Ok(Affiliation::Affiliated(evidence)),
        None => registry.check(&request.citizen).await,
    };
    Asked { position, record: CheckRecord::from_answer(request, now(), &answer), answer, is_new }
}

fn result(record: CheckRecord, answer: &Result<Affiliation, RegistryError>) -> Result<CheckRecord, CheckError> {
    match answer {
        Ok(Affiliation::None(_) | Affiliation::Affiliated(_)) => Ok(record),
        Err(RegistryError::Unavailable(NoVerdict { cause, retry_after, .. })) => {
            Err(CheckError::NoVerdict { cause: *cause, retry_after: *retry_after })
        }
        Err(RegistryError::Refused(_)) => Err(CheckError::Refused),
        Err(RegistryError::UnexpectedResponse(_)) => Err(CheckError::UnexpectedResponse),
    }
}

#[cfg(test)]
mod tests;
