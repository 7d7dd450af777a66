//! Document authentication: claim the request, ask the registry, write the outcome. The outbox then
//! publishes the result.

mod claim;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod ports;
mod record;
mod request;
pub mod settlement;

pub use claim::{Claim, Origin};
pub use ports::{Claimed, DocumentArchive, DocumentRegistry, DocumentStore, Outbox};
pub use record::{Authenticity, DocumentRecord, DocumentStatus, Outcome};
pub use request::{DocumentRequest, DocumentUrl, MAX_MESSAGE, MessageId, RequestError, Submission};

use crate::registry::{RegistryError, StoreError};
use crate::time::Timestamp;
use crate::verdict::Cause;
use std::time::Duration;

/// The pause before a request is asked for again that another instance has taken over.
const TAKEN_OVER: Duration = Duration::from_secs(1);

/// The pause before the registry is asked again after a response outside its contract.
const AFTER_UNEXPECTED_RESPONSE: Duration = Duration::from_mins(1);

/// Why a request is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// Another claim on the request is valid for this long.
    InProgress(Duration),
    /// The message id belongs to a request with other content.
    Different,
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

/// Authenticates a document: claims the request, asks the registry, and returns the record after
/// the outcome has been written.
///
/// Without a verdict the request stays pending. On the last attempt (`last`) it is finished with
/// the status `ERROR` instead.
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
        Err(RegistryError::Refused(_) | RegistryError::UnexpectedResponse(_)) => {
            Some((None, AFTER_UNEXPECTED_RESPONSE))
        }
    };
    if let Some((cause, retry_after)) = no_verdict.filter(|_| !last) {
        // If the release fails, the claim expires by itself.
        let _ = store.release(claim, now()).await;
        return Err(Unfinished::NoVerdict { cause, retry_after });
    }
    let record = store.finish(claim, &Outcome::from_answer(&answer), now()).await.map_err(not_recorded)?;
    if record.status.is_final() { Ok(record) } else { Err(Unfinished::InProgress(TAKEN_OVER)) }
}

#[cfg(test)]
mod tests;
