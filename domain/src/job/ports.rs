//! The ports of jobs.

use super::claim::Claim;
use super::outcome::Outcome;
use super::record::{Question, Record};
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::{RegistryError, StoreError};
use crate::time::Timestamp;
use std::future::Future;
use std::time::Duration;

/// How many requests are claimed and finished together at most.
pub const MAX_TOGETHER: usize = 32;

/// The result of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed<Q> {
    /// The claim succeeded.
    Acquired {
        /// The id of the record.
        id: String,
        /// Whether this claim created the record, so that the registry has not been asked before.
        is_new: bool,
        /// When the request was received first.
        received_at: Timestamp,
    },
    /// The request is finished.
    Finished(Box<Record<Q>>),
    /// Another claim on the request is valid for this long.
    InProgress(Duration),
    /// The message id belongs to a request with other content.
    MessageIdReused,
}

/// Asks a registry the question of a job.
pub trait JobRegistry<Q: Question>: Send + Sync {
    /// Asks the question.
    fn ask(&self, question: &Q) -> impl Future<Output = Result<Q::Verdict, RegistryError>> + Send;

    /// Looks for the effect of an earlier attempt whose outcome is unknown, without asking again.
    /// Returns the verdict if there is one, and `None` if the question may be asked.
    ///
    /// It is called before every attempt but the first. A question that may be repeated needs no
    /// look; this is the default.
    fn look(&self, _question: &Q) -> impl Future<Output = Result<Option<Q::Verdict>, RegistryError>> + Send {
        async { Ok(None) }
    }
}

/// Stores the records of a job. Each call is atomic. A call with a claim that another claim has
/// replaced changes nothing.
pub trait JobStore<Q: Question>: Send + Sync {
    /// Claims a request that is new, or pending without a valid claim. Its request is due in the
    /// outbox at [`Claim::enqueue_at`]; another claim can only postpone this.
    fn claim(&self, claim: &Claim<Q>) -> impl Future<Output = Result<Claimed<Q>, StoreError>> + Send;

    /// Writes the outcome, and with it the entry in the outbox. Returns the record as it is stored
    /// afterwards, which another instance may have finished.
    fn finish(
        &self,
        claim: &Claim<Q>,
        outcome: &Outcome,
        at: Timestamp,
    ) -> impl Future<Output = Result<Record<Q>, StoreError>> + Send;

    /// Claims several requests, at most [`MAX_TOGETHER`]. Each has the result that
    /// [`JobStore::claim`] returns for it; the results are in the order of the claims. Of two claims on
    /// the same request at most one is acquired. The call is atomic for each request, and not for all
    /// of them together.
    fn claim_all(&self, claims: &[&Claim<Q>]) -> impl Future<Output = Vec<Result<Claimed<Q>, StoreError>>> + Send {
        async move {
            let mut claimed = Vec::with_capacity(claims.len());
            for claim in claims {
                claimed.push(self.claim(claim).await);
            }
            claimed
        }
    }

    /// Writes several outcomes, at most [`MAX_TOGETHER`], each as [`JobStore::finish`] does; the results
    /// are in the order of the outcomes.
    fn finish_all(
        &self,
        outcomes: &[(&Claim<Q>, Outcome)],
        at: Timestamp,
    ) -> impl Future<Output = Vec<Result<Record<Q>, StoreError>>> + Send {
        async move {
            let mut records = Vec::with_capacity(outcomes.len());
            for (claim, outcome) in outcomes {
                records.push(self.finish(claim, outcome, at).await);
            }
            records
        }
    }

    /// Ends a claim before it expires, so that the next claim succeeds at once.
    fn release(&self, claim: &Claim<Q>, at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Reads the records of a job.
pub trait JobArchive<Q: Question>: Send + Sync {
    /// Returns the record with this id.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<Record<Q>>, StoreError>> + Send;

    /// Returns the number of a citizen's records, and one page of them, newest first.
    fn history(
        &self,
        citizen: &CitizenId,
        page: Page,
    ) -> impl Future<Output = Result<(u64, Vec<Record<Q>>), StoreError>> + Send;
}

/// How long the records of a job have been waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// When the oldest record without a verdict was received.
    pub pending_since: Option<Timestamp>,
    /// When the oldest record was finished whose result has not been recorded as published.
    pub unpublished_since: Option<Timestamp>,
}

/// The transactional outbox: the events that have to be published. An event is the result of a
/// finished record, or the request of a record that has been pending for longer than it takes to
/// process it.
pub trait Outbox<Q: Question>: Send + Sync {
    /// Leases at most `limit` records that are due, those that have been due longest first. No
    /// other caller gets them before `until`.
    fn lease(
        &self,
        limit: u64,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<Record<Q>>, StoreError>> + Send;

    /// Returns since when records in the outbox have been waiting. It may regard only the ten
    /// thousand records that are due first.
    fn waiting(&self) -> impl Future<Output = Result<Waiting, StoreError>> + Send;

    /// Records that the results of these records have been published. Records that are pending stay
    /// as they are.
    fn results_published(&self, ids: &[String], at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records that the requests of these records have been published. Those that are still pending
    /// at `again` are due again then. The results of records that have been finished meanwhile stay
    /// in the outbox.
    fn requests_published(
        &self,
        ids: &[String],
        again: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
