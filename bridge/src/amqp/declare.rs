//! Declares the exchange and the queues of a job.

use super::{AmqpError, in_time};
use crate::topology::{Argument, Arguments, Queue, Topology};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, Connection, ExchangeKind};

/// The state of a declared queue.
pub(crate) struct QueueState {
    pub(crate) name: String,
    pub(crate) messages: u32,
    pub(crate) consumers: u32,
    pub(crate) origin: Origin,
}

/// Who declared a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It has the arguments of the bridge, or of an earlier release of it.
    Own,
    /// It existed with other arguments, which lose no message, and is used with them.
    Foreign,
    /// It existed with arguments that the bridge does not know, and is used with them.
    Unknown,
}

/// Declares the exchange and the queues of a job, and returns the state of the queues.
pub(super) async fn declare(connection: &Connection, topology: &Topology) -> Result<Vec<QueueState>, AmqpError> {
    let channel = in_time(connection.create_channel()).await?;
    declare_exchange(&channel, topology).await?;
    let mut states = Vec::new();
    for queue in topology.queues() {
        states.push(declare_queue(connection, queue).await?);
    }
    bind(&channel, &topology.queue, &topology.exchange, &topology.routing_key).await?;
    in_time(channel.close(200, "done".into())).await?;
    Ok(states)
}

/// Declares a queue, or uses an existing one with the arguments that it has.
async fn declare_queue(connection: &Connection, queue: Queue) -> Result<QueueState, AmqpError> {
    let Queue { name, arguments, older, harmless } = queue;
    let own = [Some(arguments), older].into_iter().flatten().map(|arguments| (arguments, Origin::Own));
    let foreign = harmless.into_iter().map(|arguments| (arguments, Origin::Foreign));
    for (arguments, origin) in own.chain(foreign) {
        match declare_with(connection, &name, Some(&arguments)).await {
            Ok((messages, consumers)) => return Ok(QueueState { name, messages, consumers, origin }),
            Err(AmqpError::Lost(error)) if error.is_amqp_soft_error() => {}
            Err(error) => return Err(error),
        }
    }
    let (messages, consumers) = declare_with(connection, &name, None).await?;
    Ok(QueueState { name, messages, consumers, origin: Origin::Unknown })
}

/// Declares a queue with these arguments, or passively without. Returns the numbers of its messages
/// and consumers.
async fn declare_with(
    connection: &Connection,
    name: &str,
    arguments: Option<&Arguments>,
) -> Result<(u32, u32), AmqpError> {
    let options = QueueDeclareOptions { durable: true, passive: arguments.is_none(), ..QueueDeclareOptions::default() };
    let mut table = FieldTable::default();
    for (key, value) in arguments.into_iter().flatten() {
        table.insert(ShortString::from(*key), argument(value));
    }
    // A declaration with other arguments than the queue has closes its channel.
    let channel = in_time(connection.create_channel()).await?;
    let queue = in_time(channel.queue_declare(name.into(), options, table)).await?;
    in_time(channel.close(200, "done".into())).await?;
    Ok((queue.message_count(), queue.consumer_count()))
}

pub(super) async fn declare_exchange(channel: &Channel, topology: &Topology) -> Result<(), AmqpError> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let name = topology.exchange.as_str().into();
    in_time(channel.exchange_declare(name, ExchangeKind::Topic, durable, FieldTable::default())).await
}

pub(super) async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), AmqpError> {
    let options = QueueBindOptions::default();
    in_time(channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default())).await
}

fn argument(argument: &Argument) -> AMQPValue {
    match argument {
        Argument::Text(value) => AMQPValue::LongString(LongString::from(value.as_str())),
        Argument::Number(number) => AMQPValue::LongLongInt(*number),
    }
}
