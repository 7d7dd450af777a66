//! The authentication of documents: claimed, asked, finished, and published for whoever waits for the result.

#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod record;
mod request;
pub mod settlement;

pub use record::{DocumentRecord, DocumentStatus, Outcome};
pub use request::{DocumentRequest, DocumentUrl, MAX_MESSAGE, MessageId, RequestError, Submission};

use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::{RegistryError, StoreError};
use crate::time::Timestamp;
use crate::trace::TraceContext;
use crate::verdict::{Cause, Evidence};
use std::future::Future;
use std::time::Duration;

/// When to look again for a request that somebody else has taken over.
const TAKEN_OVER: Duration = Duration::from_secs(1);

/// When to ask again a registry that answered outside its contract.
const AFTER_NONSENSE: Duration = Duration::from_mins(1);

/// The registry's verdict, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticity {
    /// It is authentic.
    Authenticated(Evidence),
    /// The registry looked and said no.
    Rejected(Evidence),
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the queue, which keeps it until it is settled.
    Queue,
    /// Over HTTP. Nobody else keeps it: if it is still pending at `hand_over`, it is published to the queue.
    Http {
        /// When.
        hand_over: Timestamp,
    },
}

/// Somebody's word that they work on a request, for a bounded time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The record's id, if there is none yet.
    pub id: String,
    /// Tells this claim from every other one.
    pub token: String,
    /// The request's id.
    pub message_id: MessageId,
    /// What is asked.
    pub request: DocumentRequest,
    /// Where it came from.
    pub origin: Origin,
    /// The trace context of the request.
    pub trace: Option<TraceContext>,
    /// When it was made.
    pub at: Timestamp,
    /// When it is void.
    pub until: Timestamp,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The request is the claimant's, and durable under this record's id.
    Mine(String),
    /// It is finished.
    Finished(Box<DocumentRecord>),
    /// Somebody else works on it, for that long at most.
    InProgress(Duration),
    /// This message id is that of another request.
    Different,
}

/// Asks the registry.
pub trait DocumentRegistry: Send + Sync {
    /// Is this document authentic?
    fn authenticate(
        &self,
        request: &DocumentRequest,
    ) -> impl Future<Output = Result<Authenticity, RegistryError>> + Send;
}

/// Keeps the records. What is done under a claim that is void by now changes nothing.
pub trait DocumentStore: Send + Sync {
    /// Claims a request: a new one, or a pending one whose claim is void.
    fn claim(&self, claim: &Claim) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Commits the outcome, and with it the duty to publish it. Returns the record as it is now, whoever finished it.
    fn finish(
        &self,
        claim: &Claim,
        outcome: &Outcome,
        at: Timestamp,
    ) -> impl Future<Output = Result<DocumentRecord, StoreError>> + Send;

    /// Voids a claim, so that the next one need not wait.
    fn release(&self, claim: &Claim, at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Shows the records.
pub trait DocumentArchive: Send + Sync {
    /// The record with this id.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<DocumentRecord>, StoreError>> + Send;

    /// A citizen's records, newest first, and how many there are in all.
    fn history(
        &self,
        citizen: &CitizenId,
        page: Page,
    ) -> impl Future<Output = Result<(u64, Vec<DocumentRecord>), StoreError>> + Send;
}

/// What has to be published: the result of a finished record, or the request of a pending one that came over HTTP.
pub trait Outbox: Send + Sync {
    /// Takes at most `limit` records whose time has come. Nobody else gets them before `until`.
    fn lease(
        &self,
        limit: u64,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<DocumentRecord>, StoreError>> + Send;

    /// Notes that the results of these records have been published.
    fn results_published(&self, ids: &[String], at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Notes that the requests of these records have been published.
    fn requests_published(&self, ids: &[String]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Why a request is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// Somebody else works on it, for that long at most.
    InProgress(Duration),
    /// This message id is that of another request.
    Different,
    /// The registry gave no verdict. The request is pending, and free.
    NoVerdict {
        /// Why; none: it answered outside its contract.
        cause: Option<Cause>,
        /// When to ask again.
        retry_after: Duration,
    },
    /// The records cannot be reached. Whatever the registry said is forgotten.
    NotRecorded,
}

/// Authenticates a document: claims the request, asks, commits the outcome, and only then answers.
///
/// Without a verdict the request stays pending, unless nobody will try again (`last`): then it ends as an error.
pub async fn authenticate<R: DocumentRegistry, S: DocumentStore>(
    registry: &R,
    store: &S,
    claim: &Claim,
    last: bool,
    now: impl Fn() -> Timestamp + Send,
) -> Result<DocumentRecord, Unfinished> {
    let not_recorded = |StoreError| Unfinished::NotRecorded;
    match store.claim(claim).await.map_err(not_recorded)? {
        Claimed::Mine(_) => {}
        Claimed::Finished(record) => return Ok(*record),
        Claimed::InProgress(left) => return Err(Unfinished::InProgress(left)),
        Claimed::Different => return Err(Unfinished::Different),
    }
    let answer = registry.authenticate(&claim.request).await;
    let no_verdict = match &answer {
        Ok(_) => None,
        Err(RegistryError::Unavailable(none)) => Some((Some(none.cause), none.retry_after)),
        Err(RegistryError::Refused(_) | RegistryError::UnexpectedResponse(_)) => Some((None, AFTER_NONSENSE)),
    };
    if let Some((cause, retry_after)) = no_verdict.filter(|_| !last) {
        // If that fails, the claim runs out by itself.
        let _ = store.release(claim, now()).await;
        return Err(Unfinished::NoVerdict { cause, retry_after });
    }
    let record = store.finish(claim, &Outcome::from_answer(&answer), now()).await.map_err(not_recorded)?;
    if record.status.is_final() { Ok(record) } else { Err(Unfinished::InProgress(TAKEN_OVER)) }
}

#[cfg(test)]
mod tests;
