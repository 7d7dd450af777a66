//! The client of RabbitMQ: the only folder that uses the AMQP library.
//!
//! All work is done on a [`Session`]. Any error ends the session, and its user opens a new one. A
//! channel that the broker closed (404, 406) is therefore never used again, and nothing is repaired
//! in place.

mod account;
mod consumer;
mod declare;
mod delivery;
mod link;
mod properties;
mod server;
mod session;
mod transport;

pub(crate) use declare::QueueState;
pub(crate) use delivery::{Delivery, MessageFault};
pub(crate) use properties::{Death, Properties};
pub(crate) use server::{Server, ServerProblem};
pub(crate) use session::{Blocked, Session};

use crate::message::Message;
use async_trait::async_trait;
use lapin::ErrorKind;
use std::time::Duration;

/// The target under which the AMQP library logs messages that no queue was bound for, with their
/// bodies. The bridge logs these itself.
pub(crate) const RETURNED_MESSAGES: &str = "lapin::returned_messages";

/// How long the broker may take to answer, to confirm a message for example.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AmqpError {
    #[error("RabbitMQ: {0}")]
    Lost(#[from] lapin::Error),
    #[error("RabbitMQ did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("the connection to RabbitMQ was closed")]
    Closed,
    #[error("RabbitMQ accepts no messages, because its memory or disk runs short: see rabbitmq-diagnostics alarms")]
    Blocked,
    #[error("RabbitMQ did not accept the message")]
    Nacked,
    #[error("{0} does not exist, and the account may not declare it: create it, or give the account this permission")]
    Missing(String),
    #[error("no queue is bound to {exchange:?} with {routing_key:?}: bind one")]
    Unroutable { exchange: String, routing_key: String },
    #[error("the queue {0:?} does not exist: declare it")]
    NoQueue(String),
}

/// Where messages are sent to. Each method returns when the broker has written the message to a
/// queue.
#[async_trait]
pub(crate) trait Outgoing: Send + Sync {
    /// Publishes a result to the exchange, and to the queue of results if there is one.
    async fn publish_result(&self, routing_key: &str, message: &Message) -> Result<(), AmqpError>;

    /// Puts a message into a delay queue: the broker returns it to the queue of requests, after the
    /// delay that follows this many earlier attempts or a longer one. One with the header
    /// [`REMOVED`](crate::message::REMOVED) returns to the queue of removed messages at once.
    async fn delay(&self, message: &Message, attempts: u32, at_least: Duration) -> Result<(), AmqpError>;

    /// Puts a message into the dead-letter queue.
    async fn dead_letter(&self, message: &Message) -> Result<(), AmqpError>;
}

impl AmqpError {
    /// Returns whether the broker answered and did not take the message. The session goes on.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Nacked | Self::Unroutable { .. } | Self::NoQueue(_))
    }

    /// Returns the code with which the broker closed a channel: it refused one operation, and the
    /// connection goes on (AMQP 0-9-1 section 1.1).
    fn code(&self) -> Option<u16> {
        match self {
            Self::Lost(error) if error.is_amqp_soft_error() => match error.kind() {
                ErrorKind::ProtocolError(error) => Some(error.get_id()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Awaits an answer of the broker for at most [`TIMEOUT`].
async fn in_time<T>(work: impl Future<Output = lapin::Result<T>>) -> Result<T, AmqpError> {
    tokio::time::timeout(TIMEOUT, work).await.map_err(|_| AmqpError::Timeout(TIMEOUT))?.map_err(AmqpError::Lost)
}
