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
mod perform;
mod ports;
mod record;
pub mod settlement;
pub mod submission;

pub use claim::{Claim, Correlation, Origin, Requester};
pub use message_id::MessageId;
pub use outcome::{Outcome, Status, Verdict};
pub use perform::{Task, give_up, perform, perform_all};
pub use ports::{Claimed, JobArchive, JobRegistry, JobStore, MAX_TOGETHER, Outbox, Waiting};
pub use record::{Question, Record};
pub use submission::{RequestError, Submission};

use crate::verdict::Cause;
use std::time::Duration;

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

#[cfg(test)]
mod tests;
