//! A message that RabbitMQ has delivered.

use super::consumer::Settled;
use super::in_time;
use super::properties::Properties;
use super::transport::{BODY_LENGTH, Held, Line, UNREADABLE};
use crate::message::{Message, REMOVED};
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicRejectOptions};
use std::sync::Arc;

/// A message that has to be acknowledged.
pub(crate) struct Delivery {
    pub(crate) message: Message,
    /// What was wrong with the message, so that it cannot be processed.
    pub(crate) fault: Option<MessageFault>,
    /// RabbitMQ has removed the message from the queue of requests, for this reason.
    pub(crate) removed: Option<String>,
    /// The message was published by the account of this session.
    pub(crate) is_own: bool,
    acker: Acker,
    _bytes: Held,
    _settled: Option<Settled>,
}

/// Why a message cannot be processed whatever its body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessageFault {
    /// A property or header was not valid, and was changed or removed.
    Unreadable(String),
    /// The body has this many bytes, and was left out. If the message `is_movable`, RabbitMQ moves
    /// it with its body to the dead-letter queue when it is rejected.
    TooLong { length: u64, is_movable: bool },
}

impl Delivery {
    /// `account` is the account of this session, if it is known.
    pub(super) fn from_lapin(delivery: lapin::message::Delivery, line: &Arc<Line>, account: Option<&str>) -> Self {
        let lapin::message::Delivery { properties, data, acker, .. } = delivery;
        let bytes = line.hold(data.len());
        let (mut properties, headers) = Properties::received(properties);
        let is_own = account.is_none() || properties.user_id() == account;
        let length = properties.take(BODY_LENGTH).and_then(|length| length.parse().ok());
        let unreadable = properties.take(UNREADABLE).map(MessageFault::Unreadable);
        let fault = length.map(|length| MessageFault::TooLong { length, is_movable: false }).or(unreadable);
        Self {
            message: Message::received(data, properties, headers),
            fault,
            removed: None,
            is_own,
            acker,
            _bytes: bytes,
            _settled: None,
        }
    }

    /// Removes headers of ours that others have set.
    pub(crate) fn without_forged_headers(mut self) -> Self {
        if !self.is_own {
            self.message.headers.clear();
        }
        self
    }

    /// Adds what is known of the queue of the message, and what waits until the message is settled.
    pub(super) fn in_queue(mut self, moves_rejected: bool, settled: Option<Settled>) -> Self {
        if let Some(MessageFault::TooLong { is_movable, .. }) = &mut self.fault {
            *is_movable = moves_rejected;
        }
        Self { _settled: settled, ..self }
    }

    /// Adds why RabbitMQ has removed the message from the queue of requests.
    pub(super) fn removed(self) -> Self {
        let Message { headers, properties, .. } = &self.message;
        let reason = headers.get(REMOVED).cloned().or_else(|| Some(properties.death()?.reason));
        Self { removed: Some(reason.unwrap_or_else(|| "unknown".to_owned())), ..self }
    }

    /// Acknowledges the message. Returns false if the broker was not reached and delivers the
    /// message again.
    pub(crate) async fn acknowledge(&self) -> bool {
        matches!(in_time(self.acker.ack(BasicAckOptions::default())).await, Ok(true))
    }

    /// Asks the broker to move the message to the dead-letter queue. Returns false if the broker was
    /// not reached and delivers the message again.
    pub(crate) async fn reject(&self) -> bool {
        matches!(in_time(self.acker.reject(BasicRejectOptions { requeue: false })).await, Ok(true))
    }
}

#[cfg(test)]
impl Delivery {
    /// A delivery that nobody has sent.
    pub(crate) fn fake(body: &str, fault: Option<MessageFault>) -> Self {
        let delivery = lapin::message::Delivery::mock(1, "".into(), "".into(), false, body.into());
        Self { fault, ..Self::from_lapin(delivery, &Line::unlimited(), None) }
    }

    /// A delivery that RabbitMQ has removed from the queue for this reason.
    pub(crate) fn fake_removed(body: &str, reason: &str) -> Self {
        Self { removed: Some(reason.to_owned()), ..Self::fake(body, None) }
    }
}
