//! Claims: the exclusive, time-limited right to process a request.

use super::message_id::MessageId;
use super::outcome::Status;
use super::record::Record;
use crate::time::Timestamp;
use crate::trace::TraceContext;
use std::time::Duration;

/// How long the bridge has to publish the result that it got as the response, before the outbox
/// gives the result to a relay.
const PUBLISH_TIME: Duration = Duration::from_secs(15);

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the queue, which keeps the message until it is settled.
    Queue,
    /// Over HTTP.
    Http,
}

/// The AMQP properties of a request that its result repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Correlation {
    /// `correlation_id`.
    pub id: Option<String>,
    /// `reply_to`.
    pub reply_to: Option<String>,
}

/// Who asked, and in which request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    /// The subject of the access token; `None` in records from before it was kept.
    pub subject: Option<String>,
    /// The id of the request in the log; `None` in records from before it was kept.
    pub request_id: Option<String>,
}

/// A claim on a request: its holder may process the request until the claim expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<Q> {
    /// The id of the record that is created if the request is new.
    pub id: String,
    /// The unique token of the claim.
    pub token: String,
    /// The id of the request.
    pub message_id: MessageId,
    /// The request.
    pub request: Q,
    /// Where the request came from.
    pub origin: Origin,
    /// When the outbox hands the request to the queue, if it is still pending then. A queue may lose
    /// a message, so this is so for every origin.
    pub enqueue_at: Timestamp,
    /// What the result repeats of the request.
    pub correlation: Correlation,
    /// Who asked first.
    pub requester: Requester,
    /// The trace context of the request.
    pub trace: Option<TraceContext>,
    /// When the claim is made.
    pub at: Timestamp,
    /// When the claim expires.
    pub until: Timestamp,
}

impl<Q: Clone> Claim<Q> {
    /// Returns the record that the claim creates if the request is new.
    pub fn pending_record(&self) -> Record<Q> {
        Record {
            id: self.id.clone(),
            message_id: self.message_id.clone(),
            request: self.request.clone(),
            status: Status::Pending,
            status_code: None,
            response: None,
            error_message: None,
            received_at: self.at,
            processed_at: None,
            event_published_at: None,
            correlation: self.correlation.clone(),
            requester: self.requester.clone(),
            trace: self.trace.clone(),
        }
    }

    /// Returns when the result is due in the outbox, if the holder of the claim finishes the job at
    /// `at`. The bridge publishes the results of requests from the queue itself, unless it fails.
    pub fn result_due(&self, at: Timestamp) -> Timestamp {
        match self.origin {
            Origin::Queue => at.plus(PUBLISH_TIME),
            Origin::Http => at,
        }
    }
}
