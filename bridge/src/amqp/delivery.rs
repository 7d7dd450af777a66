//! A message that RabbitMQ has delivered.

use super::in_time;
use super::properties::Properties;
use super::transport::{BODY_LENGTH, Held, Line, UNREADABLE};
use crate::message::Message;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicRejectOptions};
use std::sync::Arc;

/// A message that has to be acknowledged.
pub(crate) struct Delivery {
    pub(crate) message: Message,
    /// What was wrong with the message, so that it cannot be processed.
    pub(crate) fault: Option<MessageFault>,
    /// The message was published by the account of this session.
    pub(crate) is_own: bool,
    acker: Acker,
    _bytes: Held,
}

/// Why a message cannot be processed whatever its body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessageFault {
    /// A property or header was not valid, and was changed or removed.
    Unreadable(String),
    /// The body has this many bytes, and was left out.
    TooLong(u64),
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
        let fault = length.map(MessageFault::TooLong).or(unreadable);
        Self { message: Message::received(data, properties, headers), fault, is_own, acker, _bytes: bytes }
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
