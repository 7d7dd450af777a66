//! Claims: the exclusive, time-limited right to process a request.

use super::request::{DocumentRequest, MessageId};
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the queue, which keeps the message until it is settled.
    Queue,
    /// Over HTTP. If the request is still pending at `hand_over`, the outbox publishes it to the
    /// queue.
    Http {
        /// When the request is published to the queue.
        hand_over: Timestamp,
    },
}

/// A claim on a request: its holder may process the request until the claim expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The id of the record that is created if the request is new.
    pub id: String,
    /// The unique token of the claim.
    pub token: String,
    /// The id of the request.
    pub message_id: MessageId,
    /// The request.
    pub request: DocumentRequest,
    /// Where the request came from.
    pub origin: Origin,
    /// The trace context of the request.
    pub trace: Option<TraceContext>,
    /// When the claim is made.
    pub at: Timestamp,
    /// When the claim expires.
    pub until: Timestamp,
}
