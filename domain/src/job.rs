//! Jobs: questions that are answered exactly once and whose results are published.
//!
//! A job claims the request, asks the registry and writes the outcome; the outbox then publishes
//! the result. [`Question`] is what distinguishes one job from another.

mod claim;
#[cfg(any(test, feature = "fakes"))]
pub mod contract;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod message_id;
mod outcome;
mod ports;
mod record;
pub mod settlement;
pub mod submission;

pub use claim::{Claim, Correlation, Origin, Requester};
pub use message_id::MessageId;
pub use outcome::{Outcome, Status, Verdict};
pub use ports::{Claimed, JobArchive, JobRegistry, JobStore, Outbox, Waiting};
pub use record::{Question, Record};
pub use submission::{RequestError, Submission};

use crate::registry::{RegistryError, StoreError};
use crate::time::Timestamp;
use crate::verdict::Cause;
use std::time::Duration;

/// The pause before a request is asked for again that another instance has taken over.
const TAKEN_OVER: Duration = Duration::from_secs(1);

/// The pause before the registry is asked again after a response outside its contract.
const AFTER_UNEXPECTED_RESPONSE: Duration = Duration::from_mins(1);

/// Why a job is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// Another claim on the request is valid for this long.
    InProgress(Duration),
    /// The message id belongs to a request with other content.
    MessageIdReused,
    /// The registry gave no verdict. The request is pending and can be claimed again.
    NoVerdict {
        /// Why there is no verdict; `None` if the registry gave an unexpected response.
        cause: Option<Cause>,
        /// How long to wait before asking again.
        retry_after: Duration,
    },
    /// The database is unavailable. If the registry gave a verdict, it is lost.
    NotRecorded,
}

/// Performs a job: claims the request, asks the registry, and returns the record after the outcome
/// has been written.
///
/// Without a verdict the request stays pending. If it was received `give_up_after` ago, it is
/// finished with the status `ERROR` instead. `now` is called after the registry has answered.
pub async fn perform<Q: Question, R: JobRegistry<Q>, S: JobStore<Q>>(
    registry: &R,
    store: &S,
    claim: &Claim<Q>,
    give_up_after: Option<Duration>,
    now: impl Fn() -> Timestamp + Send,
) -> Result<Record<Q>, Unfinished> {
    let not_recorded = |StoreError| Unfinished::NotRecorded;
    let (is_first_attempt, received_at) = match store.claim(claim).await.map_err(not_recorded)? {
        Claimed::Acquired { is_new, received_at, .. } => (is_new && !claim.message_id.is_replay(), received_at),
        Claimed::Finished(record) => return Ok(*record),
        Claimed::InProgress(left) => return Err(Unfinished::InProgress(left)),
        Claimed::MessageIdReused => return Err(Unfinished::MessageIdReused),
    };
    let answer = ask(registry, &claim.request, is_first_attempt).await;
    let no_verdict = match &answer {
        Ok(_) => None,
        Err(RegistryError::Unavailable(none)) => Some((Some(none.cause), none.retry_after)),
        Err(RegistryError::Refused(_) | RegistryError::UnexpectedResponse(_)) => {
            Some((None, AFTER_UNEXPECTED_RESPONSE))
        }
    };
    let is_given_up = give_up_after.is_some_and(|age| now().since(received_at) >= age);
    if let Some((cause, retry_after)) = no_verdict.filter(|_| !is_given_up) {
        // If the release fails, the claim expires by itself.
        let _ = store.release(claim, now()).await;
        return Err(Unfinished::NoVerdict { cause, retry_after });
    }
    finish(store, claim, &Outcome::from_answer(&answer), now()).await
}

/// Finishes a request that left the queue before it was processed, with the status `ERROR`. The
/// registry is not asked. A request that is finished already keeps its outcome.
pub async fn give_up<Q: Question, S: JobStore<Q>>(
    store: &S,
    claim: &Claim<Q>,
    now: impl Fn() -> Timestamp + Send,
) -> Result<Record<Q>, Unfinished> {
    match store.claim(claim).await.map_err(|StoreError| Unfinished::NotRecorded)? {
        Claimed::Acquired { .. } => finish(store, claim, &Outcome::removed(), now()).await,
        Claimed::Finished(record) => Ok(*record),
        Claimed::InProgress(left) => Err(Unfinished::InProgress(left)),
        Claimed::MessageIdReused => Err(Unfinished::MessageIdReused),
    }
}

/// Writes the outcome and returns the record.
async fn finish<Q: Question, S: JobStore<Q>>(
    store: &S,
    claim: &Claim<Q>,
    outcome: &Outcome,
    at: Timestamp,
) -> Result<Record<Q>, Unfinished> {
    let record = store.finish(claim, outcome, at).await.map_err(|StoreError| Unfinished::NotRecorded)?;
    if record.status.is_final() { Ok(record) } else { Err(Unfinished::InProgress(TAKEN_OVER)) }
}

/// Asks the question, unless an earlier attempt has taken effect.
async fn ask<Q: Question, R: JobRegistry<Q>>(
    registry: &R,
    question: &Q,
    is_first_attempt: bool,
) -> Result<Q::Verdict, RegistryError> {
    if !is_first_attempt && let Some(verdict) = registry.look(question).await? {
        return Ok(verdict);
    }
    registry.ask(question).await
}

#[cfg(test)]
mod tests;
