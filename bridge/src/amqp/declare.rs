//! Declares the exchange and the queues of a job.

use super::{AmqpError, in_time};
use crate::topology::{Argument, Arguments, Origin, Queue, Topology, classic};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, Connection, ExchangeKind};

/// The codes of a refusal for lack of a permission, and of something that does not exist.
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;

/// What was found or made by [`declare`].
pub(crate) struct Declared {
    /// Whether the exchange is as the bridge declares it, so that it can be declared again.
    pub(crate) exchange_is_own: bool,
    /// Whether the bridge could bind the queue of requests, so that it can be bound again.
    pub(crate) is_bound: bool,
    /// The states of the queues, that of requests first.
    pub(crate) queues: Vec<QueueState>,
}

/// The state of a declared queue.
pub(crate) struct QueueState {
    pub(crate) name: String,
    pub(crate) messages: u32,
    pub(crate) consumers: u32,
    pub(crate) origin: Origin,
    /// Whether RabbitMQ moves a message that is rejected to another queue. It drops it otherwise.
    pub(crate) moves_rejected: bool,
}

/// Declares the exchange and the queues of a job. What exists already with other properties is used
/// as it is, and so is everything if the account may not declare it.
pub(super) async fn declare(connection: &Connection, topology: &Topology) -> Result<Declared, AmqpError> {
    let exchange_is_own = declare_or_use_exchange(connection, topology).await?;
    let mut queues = Vec::new();
    for queue in topology.queues() {
        queues.push(declare_queue(connection, queue).await?);
    }
    let channel = in_time(connection.create_channel()).await?;
    let is_bound = match bind(&channel, &topology.queue, &topology.exchange, &topology.routing_key).await {
        Ok(()) => in_time(channel.close(200, "done".into())).await.map(|()| true)?,
        Err(error) if error.code().is_some_and(|code| code != NOT_FOUND) => false,
        Err(error) => return Err(error),
    };
    Ok(Declared { exchange_is_own, is_bound, queues })
}

/// Declares the exchange, or uses an existing one as it is. Returns whether it was declared.
async fn declare_or_use_exchange(connection: &Connection, topology: &Topology) -> Result<bool, AmqpError> {
    for passive in [false, true] {
        // A refusal closes its channel.
        let channel = in_time(connection.create_channel()).await?;
        match declare_exchange(&channel, topology, passive).await {
            Ok(()) => return in_time(channel.close(200, "done".into())).await.map(|()| !passive),
            Err(error) if passive && error.code() == Some(NOT_FOUND) => break,
            Err(error) if !passive && error.code().is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Err(AmqpError::Missing(format!("the exchange {}", topology.exchange)))
}

/// Declares a queue, or uses an existing one with the arguments that it has.
pub(super) async fn declare_queue(connection: &Connection, queue: Queue) -> Result<QueueState, AmqpError> {
    let Queue { name, declarations } = queue;
    let mut used_as = Origin::Unknown;
    for declaration in declarations {
        match declare_with(connection, &name, Some(&declaration.arguments)).await {
            Ok((messages, consumers)) => {
                let moves_rejected = declaration.moves_rejected();
                let is_known = !declaration.arguments.is_empty() || is_classic(connection, &name).await?;
                let origin = if is_known { declaration.origin } else { Origin::Unknown };
                return Ok(QueueState { name, messages, consumers, origin, moves_rejected });
            }
            Err(error) => match error.code() {
                None => return Err(error),
                Some(ACCESS_REFUSED) => {
                    used_as = Origin::Unchecked;
                    break;
                }
                Some(_) => {}
            },
        }
    }
    match declare_with(connection, &name, None).await {
        Ok((messages, consumers)) => {
            Ok(QueueState { name, messages, consumers, origin: used_as, moves_rejected: false })
        }
        Err(error) if error.code() == Some(NOT_FOUND) => Err(AmqpError::Missing(format!("the queue {name}"))),
        Err(error) => Err(error),
    }
}

/// Returns whether a queue without arguments is a classic one. A virtual host may have another
/// default type.
async fn is_classic(connection: &Connection, name: &str) -> Result<bool, AmqpError> {
    match declare_with(connection, name, Some(&classic())).await {
        Ok(_) => Ok(true),
        Err(error) if error.code().is_some() => Ok(false),
        Err(error) => Err(error),
    }
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

/// Declares the exchange, or checks that it exists if `passive`.
pub(super) async fn declare_exchange(channel: &Channel, topology: &Topology, passive: bool) -> Result<(), AmqpError> {
    let options = ExchangeDeclareOptions { durable: true, passive, ..ExchangeDeclareOptions::default() };
    let name = topology.exchange.as_str().into();
    in_time(channel.exchange_declare(name, ExchangeKind::Topic, options, FieldTable::default())).await
}

/// Declares a queue without arguments.
pub(super) async fn declare_plain(channel: &Channel, name: &str) -> Result<(), AmqpError> {
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    in_time(channel.queue_declare(name.into(), durable, FieldTable::default())).await.map(drop)
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
