//! The client of RabbitMQ: the only file that uses the AMQP library.
//!
//! All work is done on a [`Session`]. Any error ends the session, and its user opens a new one. A
//! channel that the broker closed (404, 406) is therefore never used again, and nothing is repaired
//! in place.

use crate::job::Job;
use crate::message::{Headers, Message, Properties};
use crate::settings::AmqpSettings;
use crate::topology::{Argument, Queue, Topology};
use futures_util::{Stream, StreamExt};
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Acker, BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use std::time::Duration;

/// How long the broker may take to answer, to confirm a message for example.
const TIMEOUT: Duration = Duration::from_secs(15);

const CONSUMER: &str = "connectivity-bridge";

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AmqpError {
    #[error("RabbitMQ: {0}")]
    Lost(#[from] lapin::Error),
    #[error("RabbitMQ did not answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("the connection to RabbitMQ was closed")]
    Closed,
    #[error("RabbitMQ did not accept the message")]
    Nacked,
    #[error("no queue is bound to {exchange:?} with {routing_key:?}")]
    Unroutable { exchange: String, routing_key: String },
}

/// A connection, with a channel whose publishes are confirmed.
pub(crate) struct Session {
    connection: Connection,
    channel: Channel,
    topology: Topology,
}

/// A message that has to be acknowledged.
pub(crate) struct Delivery {
    pub(crate) message: Message,
    acker: Acker,
}

/// The state of a declared queue.
pub(crate) struct QueueState {
    pub(crate) name: String,
    pub(crate) messages: u32,
    pub(crate) consumers: u32,
    /// The queue existed with other arguments, and is used with them.
    pub(crate) foreign: bool,
}

/// Awaits an answer of the broker for at most [`TIMEOUT`].
async fn in_time<T>(work: impl Future<Output = lapin::Result<T>>) -> Result<T, AmqpError> {
    tokio::time::timeout(TIMEOUT, work).await.map_err(|_| AmqpError::Timeout)?.map_err(AmqpError::Lost)
}

impl Session {
    /// Connects to RabbitMQ, to work with the queues of a job.
    pub(crate) async fn open(settings: &AmqpSettings, job: &Job) -> Result<Self, AmqpError> {
        let properties = ConnectionProperties::default().with_connection_name("connectivity-bridge".into());
        let connection = in_time(Connection::connect(&settings.url, properties)).await?;
        let channel = in_time(connection.create_channel()).await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Self { connection, channel, topology: Topology::new(settings, job) })
    }

    /// The names and delays of the queues.
    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Declares the exchange and the queues, and returns the state of the queues.
    pub(crate) async fn declare(&self) -> Result<Vec<QueueState>, AmqpError> {
        let Topology { exchange, queue, routing_key, .. } = &self.topology;
        let channel = in_time(self.connection.create_channel()).await?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared =
            channel.exchange_declare(exchange.as_str().into(), ExchangeKind::Topic, durable, FieldTable::default());
        in_time(declared).await?;
        let mut states = Vec::new();
        for queue in self.topology.queues() {
            states.push(self.declare_queue(&queue).await?);
        }
        bind(&channel, queue, exchange, routing_key).await?;
        in_time(channel.close(200, "done".into())).await?;
        Ok(states)
    }

    /// Declares a queue, or uses an existing one with the arguments that it has.
    async fn declare_queue(&self, queue: &Queue) -> Result<QueueState, AmqpError> {
        let name = queue.name.as_str();
        let mut arguments = FieldTable::default();
        for (key, value) in &queue.arguments {
            arguments.insert(ShortString::from(*key), argument(value));
        }
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        // A declaration with other arguments than the queue has closes its channel.
        let channel = in_time(self.connection.create_channel()).await?;
        let (queue, foreign, channel) = match in_time(channel.queue_declare(name.into(), durable, arguments)).await {
            Ok(queue) => (queue, false, channel),
            Err(AmqpError::Lost(error)) if error.is_amqp_soft_error() => {
                tracing::warn!(queue = name, "the queue exists with other arguments and is used with them");
                let channel = in_time(self.connection.create_channel()).await?;
                let queue = in_time(channel.queue_declare(name.into(), passive, FieldTable::default())).await?;
                (queue, true, channel)
            }
            Err(error) => return Err(error),
        };
        in_time(channel.close(200, "done".into())).await?;
        let (messages, consumers) = (queue.message_count(), queue.consumer_count());
        Ok(QueueState { name: name.to_owned(), messages, consumers, foreign })
    }

    /// Consumes requests, at most `prefetch` of them unacknowledged at the same time. The stream
    /// ends with the session and after [`Session::stop_consuming`].
    pub(crate) async fn consume(
        &self,
        prefetch: u16,
    ) -> Result<impl Stream<Item = Delivery> + Send + use<>, AmqpError> {
        in_time(self.channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        self.consume_from(&self.topology.queue, CONSUMER).await
    }

    /// Consumes results from a queue, which is declared and bound to these routing keys.
    pub(crate) async fn results(
        &self,
        queue: &str,
        keys: &[&str],
    ) -> Result<impl Stream<Item = Delivery> + Send + use<>, AmqpError> {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        in_time(self.channel.queue_declare(queue.into(), durable, FieldTable::default())).await?;
        for key in keys {
            bind(&self.channel, queue, &self.topology.exchange, key).await?;
        }
        self.consume_from(queue, "results").await
    }

    async fn consume_from(
        &self,
        queue: &str,
        consumer: &str,
    ) -> Result<impl Stream<Item = Delivery> + Send + use<>, AmqpError> {
        let options = BasicConsumeOptions::default();
        let consumer = self.channel.basic_consume(queue.into(), consumer.into(), options, FieldTable::default());
        let deliveries = in_time(consumer).await?.take_while(|delivery| std::future::ready(delivery.is_ok()));
        Ok(deliveries.filter_map(|delivery| std::future::ready(delivery.ok().map(Delivery::from_lapin))))
    }

    /// Asks the broker for no further requests.
    pub(crate) async fn stop_consuming(&self) -> Result<(), AmqpError> {
        in_time(self.channel.basic_cancel(CONSUMER.into(), BasicCancelOptions::default())).await
    }

    /// Returns whether the connection and the channel are still open.
    pub(crate) fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Publishes to the exchange. Returns when the broker has written the message to a queue.
    pub(crate) async fn publish(&self, routing_key: &str, message: &Message) -> Result<(), AmqpError> {
        self.send(&self.topology.exchange, routing_key, message).await
    }

    /// Publishes a request to the exchange.
    pub(crate) async fn publish_request(&self, message: &Message) -> Result<(), AmqpError> {
        self.publish(&self.topology.routing_key, message).await
    }

    /// Puts a message into the queue of requests.
    pub(crate) async fn requeue(&self, message: &Message) -> Result<(), AmqpError> {
        self.send("", &self.topology.queue, message).await
    }

    /// Puts a message into a delay queue: the broker returns it to the queue of requests after
    /// about that time.
    pub(crate) async fn delay(&self, message: &Message, after: Duration) -> Result<(), AmqpError> {
        self.send("", &self.topology.delay_queue(after), message).await
    }

    /// Puts a message into the dead-letter queue.
    pub(crate) async fn dead_letter(&self, message: &Message) -> Result<(), AmqpError> {
        self.send("", &self.topology.dead_letters(), message).await
    }

    async fn send(&self, exchange: &str, routing_key: &str, message: &Message) -> Result<(), AmqpError> {
        let mut headers = FieldTable::default();
        for (name, value) in message.all_headers() {
            headers.insert(ShortString::from(name), text(value));
        }
        let mut properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_headers(headers);
        if let Some(id) = &message.properties.message_id {
            properties = properties.with_message_id(id.as_str().into());
        }
        if let Some(id) = &message.properties.correlation_id {
            properties = properties.with_correlation_id(id.as_str().into());
        }
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (body, key) = (&message.body, routing_key.into());
        let confirm = in_time(self.channel.basic_publish(exchange.into(), key, options, body, properties)).await?;
        match in_time(confirm).await? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                Err(AmqpError::Unroutable { exchange: exchange.to_owned(), routing_key: routing_key.to_owned() })
            }
            Confirmation::Nack(None) | Confirmation::NotRequested => Err(AmqpError::Nacked),
        }
    }

    /// Returns the first message of the dead-letter queue. It stays there unless it is
    /// acknowledged.
    pub(crate) async fn next_dead_letter(&self) -> Result<Option<Delivery>, AmqpError> {
        let got = self.channel.basic_get(self.topology.dead_letters().as_str().into(), BasicGetOptions::default());
        Ok(in_time(got).await?.map(|BasicGetMessage { delivery, .. }| Delivery::from_lapin(delivery)))
    }

    /// Empties the dead-letter queue, and returns the number of removed messages.
    pub(crate) async fn purge_dead_letters(&self) -> Result<u32, AmqpError> {
        let queue = self.topology.dead_letters();
        in_time(self.channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default())).await
    }

    /// Closes the connection; unacknowledged messages return to their queue.
    pub(crate) async fn close(&self) {
        // The connection may be closed already.
        let _ = in_time(self.connection.close(200, "done".into())).await;
    }
}

impl Delivery {
    fn from_lapin(delivery: lapin::message::Delivery) -> Self {
        let properties = &delivery.properties;
        let headers = properties.headers().iter().flat_map(|table| table.inner().iter());
        let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), header(value)?)));
        let text = |value: &Option<ShortString>| value.as_ref().map(|value| value.as_str().to_owned());
        let (message_id, correlation_id) = (text(properties.message_id()), text(properties.correlation_id()));
        let properties = Properties { message_id, correlation_id };
        let message = Message::received(delivery.data, properties, headers.collect::<Headers>());
        Self { message, acker: delivery.acker }
    }

    /// Acknowledges the message. Returns false if the broker was not reached and delivers the
    /// message again.
    pub(crate) async fn acknowledge(&self) -> bool {
        matches!(in_time(self.acker.ack(BasicAckOptions::default())).await, Ok(true))
    }
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), AmqpError> {
    let options = QueueBindOptions::default();
    in_time(channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default())).await
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

fn argument(argument: &Argument) -> AMQPValue {
    match argument {
        Argument::Text(value) => text(value),
        Argument::Number(number) => AMQPValue::LongLongInt(*number),
    }
}

/// Returns a header's value if it is a text or a number.
fn header(value: &AMQPValue) -> Option<String> {
    Some(match value {
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        _ => return None,
    })
}
