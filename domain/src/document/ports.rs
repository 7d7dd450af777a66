//! The ports of document authentication.

use super::claim::Claim;
use super::record::{Authenticity, DocumentRecord, Outcome};
use super::request::DocumentRequest;
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::{RegistryError, StoreError};
use crate::time::Timestamp;
use std::future::Future;
use std::time::Duration;

/// The result of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The claim succeeded. The request is stored under this record id.
    Mine(String),
    /// The request is finished.
    Finished(Box<DocumentRecord>),
    /// Another claim on the request is valid for this long.
    InProgress(Duration),
    /// The message id belongs to a request with other content.
    Different,
}

/// Asks a registry about documents.
pub trait DocumentRegistry: Send + Sync {
    /// Asks whether the document is authentic.
    fn authenticate(
        &self,
        request: &DocumentRequest,
    ) -> impl Future<Output = Result<Authenticity, RegistryError>> + Send;
}

/// Stores the records of document authentications. A call with an expired claim that another claim
/// has replaced changes nothing.
pub trait DocumentStore: Send + Sync {
    /// Claims a request that is new, or pending without a valid claim.
    fn claim(&self, claim: &Claim) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Writes the outcome, and with it the entry in the outbox. Returns the record as it is stored
    /// afterwards, which another instance may have finished.
    fn finish(
        &self,
        claim: &Claim,
        outcome: &Outcome,
        at: Timestamp,
    ) -> impl Future<Output = Result<DocumentRecord, StoreError>> + Send;

    /// Ends a claim before it expires, so that the next claim succeeds at once.
    fn release(&self, claim: &Claim, at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Reads the records of document authentications.
pub trait DocumentArchive: Send + Sync {
    /// Returns the record with this id.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<DocumentRecord>, StoreError>> + Send;

    /// Returns the number of a citizen's records, and one page of them, newest first.
    fn history(
        &self,
        citizen: &CitizenId,
        page: Page,
    ) -> impl Future<Output = Result<(u64, Vec<DocumentRecord>), StoreError>> + Send;
}

/// The transactional outbox: the events that have to be published. An event is the result of a
/// finished record, or the request of a pending record that came over HTTP.
pub trait Outbox: Send + Sync {
    /// Leases at most `limit` records that are due. No other caller gets them before `until`.
    fn lease(
        &self,
        limit: u64,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<DocumentRecord>, StoreError>> + Send;

    /// Records that the results of these records have been published.
    fn results_published(&self, ids: &[String], at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records that the requests of these records have been published.
    fn requests_published(&self, ids: &[String]) -> impl Future<Output = Result<(), StoreError>> + Send;
}
