//! Performing jobs: claim the request, ask the registry, write the outcome.

use super::Unfinished;
use super::claim::Claim;
use super::outcome::Outcome;
use super::ports::{Claimed, JobRegistry, JobStore};
use super::record::{Question, Record};
use crate::registry::{RegistryError, StoreError};
use crate::time::Timestamp;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;

/// The pause before a request is asked for again that another instance has taken over.
const TAKEN_OVER: Duration = Duration::from_secs(1);

/// The pause before the registry is asked again after a response outside its contract.
const AFTER_UNEXPECTED_RESPONSE: Duration = Duration::from_mins(1);

/// A job to perform.
#[derive(Clone, Debug)]
pub struct Task<Q, R> {
    /// The claim on the request.
    pub claim: Claim<Q>,
    /// The registry that is asked.
    pub registry: R,
    /// The age at which a request without a verdict is finished with the status `ERROR`.
    pub give_up_after: Option<Duration>,
}

/// What a claim on a request has found out about it.
#[derive(Clone, Copy)]
struct Acquired {
    is_first_attempt: bool,
    received_at: Timestamp,
}

/// The result of a job.
type Performed<Q> = Result<Record<Q>, Unfinished>;

/// Performs a job: claims the request, asks the registry, and returns the record after the outcome
/// has been written.
///
/// Without a verdict the request stays pending. If it was received [`Task::give_up_after`] ago, it is
/// finished with the status `ERROR` instead. `now` is called after the registry has answered.
pub async fn perform<Q: Question, R: JobRegistry<Q>, S: JobStore<Q>>(
    store: &S,
    task: &Task<Q, R>,
    now: impl Fn() -> Timestamp + Send + Sync,
) -> Performed<Q> {
    let acquired = match acquired(&task.claim, store.claim(&task.claim).await) {
        Ok(acquired) => acquired,
        Err(performed) => return *performed,
    };
    let outcome = outcome(store, task, acquired, &now).await?;
    finish(store, &task.claim, &outcome, now()).await
}

/// Performs several jobs. Each has the result that [`perform`] returns for it; the results are in
/// the order of the tasks.
///
/// All requests are claimed together, the registry is asked about all of them at the same time, and
/// all outcomes are written together. The claims expire together, so no question waits for another.
pub async fn perform_all<Q: Question, R: JobRegistry<Q>, S: JobStore<Q>>(
    store: &S,
    tasks: &[Task<Q, R>],
    now: impl Fn() -> Timestamp + Send + Sync,
) -> Vec<Performed<Q>> {
    let claims: Vec<_> = tasks.iter().map(|task| &task.claim).collect();
    let mut performed: Vec<Option<Performed<Q>>> = tasks.iter().map(|_| None).collect();
    let mut asking = FuturesUnordered::new();
    for (position, (task, claimed)) in tasks.iter().zip(store.claim_all(&claims).await).enumerate() {
        match acquired(&task.claim, claimed) {
            Ok(acquired) => {
                let now = &now;
                asking.push(async move { (position, outcome(store, task, acquired, now).await) });
            }
            Err(result) => performed[position] = Some(*result),
        }
    }
    let (mut positions, mut outcomes) = (Vec::new(), Vec::new());
    while let Some((position, outcome)) = asking.next().await {
        match outcome {
            Ok(outcome) => {
                positions.push(position);
                outcomes.push((claims[position], outcome));
            }
            Err(unfinished) => performed[position] = Some(Err(unfinished)),
        }
    }
    drop(asking);
    if !outcomes.is_empty() {
        let finished = store.finish_all(&outcomes, now()).await;
        for (position, record) in positions.into_iter().zip(finished) {
            performed[position] = Some(finished_by_us(record));
        }
    }
    // A store returns as many results as it was given claims.
    performed.into_iter().map(|result| result.unwrap_or(Err(Unfinished::NotRecorded))).collect()
}

/// Finishes a request that left the queue before it was processed, with the status `ERROR`. The
/// registry is not asked. A request that is finished already keeps its outcome.
pub async fn give_up<Q: Question, S: JobStore<Q>>(
    store: &S,
    claim: &Claim<Q>,
    now: impl Fn() -> Timestamp + Send,
) -> Performed<Q> {
    match acquired(claim, store.claim(claim).await) {
        Ok(_) => finish(store, claim, &Outcome::removed(), now()).await,
        Err(performed) => *performed,
    }
}

/// Returns what an acquired claim has found out, or the result of a job whose request is not
/// acquired.
fn acquired<Q: Question>(
    claim: &Claim<Q>,
    claimed: Result<Claimed<Q>, StoreError>,
) -> Result<Acquired, Box<Performed<Q>>> {
    Err(Box::new(match claimed {
        Ok(Claimed::Acquired { is_new, received_at, .. }) => {
            return Ok(Acquired { is_first_attempt: is_new && !claim.message_id.is_replay(), received_at });
        }
        Ok(Claimed::Finished(record)) => Ok(*record),
        Ok(Claimed::InProgress(left)) => Err(Unfinished::InProgress(left)),
        Ok(Claimed::MessageIdReused) => Err(Unfinished::MessageIdReused),
        Err(StoreError) => Err(Unfinished::NotRecorded),
    }))
}

/// Asks the registry and returns the outcome. Without one the claim is released.
async fn outcome<Q: Question, R: JobRegistry<Q>, S: JobStore<Q>>(
    store: &S,
    task: &Task<Q, R>,
    acquired: Acquired,
    now: &(impl Fn() -> Timestamp + Sync),
) -> Result<Outcome, Unfinished> {
    let Task { claim, registry, give_up_after } = task;
    let answer = ask(registry, &claim.request, acquired.is_first_attempt).await;
    let no_verdict = match &answer {
        Ok(_) => None,
        Err(RegistryError::Unavailable(none)) => Some((Some(none.cause), none.retry_after)),
        Err(RegistryError::Refused(_) | RegistryError::UnexpectedResponse(_)) => {
            Some((None, AFTER_UNEXPECTED_RESPONSE))
        }
    };
    let is_given_up = give_up_after.is_some_and(|age| now().since(acquired.received_at) >= age);
    if let Some((cause, retry_after)) = no_verdict.filter(|_| !is_given_up) {
        // If the release fails, the claim expires by itself.
        let _ = store.release(claim, now()).await;
        return Err(Unfinished::NoVerdict { cause, retry_after });
    }
    Ok(Outcome::from_answer(&answer))
}

/// Writes the outcome and returns the record.
async fn finish<Q: Question, S: JobStore<Q>>(
    store: &S,
    claim: &Claim<Q>,
    outcome: &Outcome,
    at: Timestamp,
) -> Performed<Q> {
    finished_by_us(store.finish(claim, outcome, at).await)
}

/// Returns the record that the store has after a job was finished, unless another instance has taken
/// it over and has not finished it yet.
fn finished_by_us<Q: Question>(record: Result<Record<Q>, StoreError>) -> Performed<Q> {
    let record = record.map_err(|StoreError| Unfinished::NotRecorded)?;
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
