//! RabbitMQ: the only file that knows how it is spoken to.
//!
//! Everything is done on a [`Session`]. Any error ends it; who uses it makes a new one. So a channel that the broker
//! closed (404, 406) is never used again, and nothing has to be repaired in place.

use crate::message::Message;
use crate::settings::AmqpSettings;
use futures_util::{Stream, StreamExt};
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Acker, BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use std::time::Duration;

/// How long connecting may take, and how long a confirm.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often the broker may deliver a message that is never settled before it takes it for poisonous. A crash of the
/// bridge or of the broker costs every message in work one.
const DELIVERY_LIMIT: i64 = 100;

const CONSUMER: &str = "connectivity-bridge";

/// Why something did not get done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AmqpError {
    /// The session is over.
    #[error("RabbitMQ: {0}")]
    Lost(#[from] lapin::Error),
    /// No answer in time: the session is over.
    #[error("RabbitMQ did not answer in time")]
    Timeout,
    /// The broker has gone.
    #[error("the session with RabbitMQ is over")]
    Over,
    /// The broker did not take the message.
    #[error("RabbitMQ did not take the message")]
    Nacked,
    /// No queue is bound for the message.
    #[error("no queue is bound to {exchange:?} with {routing_key:?}")]
    Unroutable {
        /// Where it was published.
        exchange: String,
        /// With which key.
        routing_key: String,
    },
}

/// A connection, with a channel whose publishes are confirmed.
pub(crate) struct Session {
    connection: Connection,
    channel: Channel,
    settings: AmqpSettings,
}

/// A message that waits to be settled.
pub(crate) struct Delivery {
    pub(crate) message: Message,
    acker: Acker,
}

/// A queue, as it was found or made.
pub(crate) struct QueueState {
    pub(crate) name: String,
    pub(crate) messages: u32,
    pub(crate) consumers: u32,
    /// It was there before, declared with other arguments.
    pub(crate) foreign: bool,
}

async fn in_time<T>(work: impl Future<Output = lapin::Result<T>>) -> Result<T, AmqpError> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| AmqpError::Timeout)?.map_err(AmqpError::Lost)
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

impl Session {
    /// Connects.
    pub(crate) async fn open(settings: &AmqpSettings) -> Result<Self, AmqpError> {
        let properties = ConnectionProperties::default().with_connection_name("connectivity-bridge".into());
        let connection = in_time(Connection::connect(&settings.url, properties)).await?;
        let channel = in_time(connection.create_channel()).await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Self { connection, channel, settings: settings.clone() })
    }

    /// The name of the dead-letter queue.
    pub(crate) fn dead_letters(&self) -> String {
        format!("{}.dead", self.settings.queue)
    }

    /// How long a message waits before its next try, after so many.
    pub(crate) fn delay(&self, tries: u32) -> Duration {
        let delays = &self.settings.delays;
        let index = usize::try_from(tries).unwrap_or(usize::MAX).min(delays.len().saturating_sub(1));
        delays.get(index).copied().unwrap_or_default()
    }

    /// The delay queue for a wait of at least that long; the longest where none is long enough.
    fn delay_queue(&self, after: Duration) -> String {
        let delays = &self.settings.delays;
        let delay = delays.iter().find(|delay| **delay >= after).or(delays.last()).copied().unwrap_or_default();
        format!("{}.delay.{}ms", self.settings.queue, delay.as_millis())
    }

    /// Declares the exchange and the queues, and says how they are.
    pub(crate) async fn declare(&self) -> Result<Vec<QueueState>, AmqpError> {
        let AmqpSettings { exchange, queue, routing_key, delays, .. } = &self.settings;
        let channel = in_time(self.connection.create_channel()).await?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared =
            channel.exchange_declare(exchange.as_str().into(), ExchangeKind::Topic, durable, FieldTable::default());
        in_time(declared).await?;
        let dead = self.dead_letters();
        let mut states = vec![self.declare_queue(queue, &[("x-dead-letter-routing-key", text(&dead))], true).await?];
        for delay in delays {
            let ttl = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            let arguments =
                [("x-dead-letter-routing-key", text(queue)), ("x-message-ttl", AMQPValue::LongLongInt(ttl))];
            states.push(self.declare_queue(&self.delay_queue(*delay), &arguments, false).await?);
        }
        states.push(self.declare_queue(&dead, &[], false).await?);
        let bound = channel.queue_bind(
            queue.as_str().into(),
            exchange.as_str().into(),
            routing_key.as_str().into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        in_time(bound).await?;
        in_time(channel.close(200, "done".into())).await?;
        Ok(states)
    }

    /// Declares a queue, or takes the one that is there as it is.
    async fn declare_queue(
        &self,
        name: &str,
        arguments: &[(&'static str, AMQPValue)],
        limited: bool,
    ) -> Result<QueueState, AmqpError> {
        let mut table = FieldTable::default();
        table.insert("x-queue-type".into(), text(&self.settings.queue_type));
        for (key, value) in arguments {
            table.insert(ShortString::from(*key), value.clone());
        }
        if !arguments.is_empty() {
            table.insert("x-dead-letter-exchange".into(), text(""));
            if self.settings.queue_type == "quorum" {
                // Without these two a dead letter could be lost on its way from one queue to the other.
                table.insert("x-dead-letter-strategy".into(), text("at-least-once"));
                table.insert("x-overflow".into(), text("reject-publish"));
            }
        }
        if limited && self.settings.queue_type == "quorum" {
            table.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
        }
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        // A declaration that does not fit closes its channel.
        let channel = in_time(self.connection.create_channel()).await?;
        let (queue, foreign) = match in_time(channel.queue_declare(name.into(), durable, table)).await {
            Ok(queue) => (queue, false),
            Err(AmqpError::Lost(error)) if error.is_amqp_soft_error() => {
                tracing::warn!(queue = name, "the queue exists with other arguments: it is used as it is");
                let channel = in_time(self.connection.create_channel()).await?;
                let queue = in_time(channel.queue_declare(name.into(), passive, FieldTable::default())).await?;
                in_time(channel.close(200, "done".into())).await?;
                (queue, true)
            }
            Err(error) => return Err(error),
        };
        if !foreign {
            in_time(channel.close(200, "done".into())).await?;
        }
        let (messages, consumers) = (queue.message_count(), queue.consumer_count());
        Ok(QueueState { name: name.to_owned(), messages, consumers, foreign })
    }

    /// Takes messages from the queue, at most `prefetch` unsettled at once. The stream ends when the session does, and
    /// after [`Session::stop_consuming`].
    pub(crate) async fn consume(
        &self,
        prefetch: u16,
    ) -> Result<impl Stream<Item = Delivery> + Send + use<>, AmqpError> {
        in_time(self.channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let queue = self.settings.queue.as_str().into();
        let asked =
            self.channel.basic_consume(queue, CONSUMER.into(), BasicConsumeOptions::default(), FieldTable::default());
        let consumer = in_time(asked).await?;
        Ok(consumer.map_while_ok())
    }

    /// Takes results from a queue of that name, which is made and bound to these keys.
    pub(crate) async fn results(
        &self,
        queue: &str,
        keys: &[&str],
    ) -> Result<impl Stream<Item = Delivery> + Send + use<>, AmqpError> {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        in_time(self.channel.queue_declare(queue.into(), durable, FieldTable::default())).await?;
        for key in keys {
            let (exchange, options) = (self.settings.exchange.as_str().into(), QueueBindOptions::default());
            in_time(self.channel.queue_bind(queue.into(), exchange, (*key).into(), options, FieldTable::default()))
                .await?;
        }
        let options = BasicConsumeOptions::default();
        let asked = self.channel.basic_consume(queue.into(), "results".into(), options, FieldTable::default());
        Ok(in_time(asked).await?.map_while_ok())
    }

    /// No further messages, please.
    pub(crate) async fn stop_consuming(&self) -> Result<(), AmqpError> {
        in_time(self.channel.basic_cancel(CONSUMER.into(), BasicCancelOptions::default())).await
    }

    /// Is it still good?
    pub(crate) fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Publishes to the exchange; done when the broker has it, on disk, in a queue.
    pub(crate) async fn publish(&self, routing_key: &str, message: &Message) -> Result<(), AmqpError> {
        self.send(&self.settings.exchange, routing_key, message).await
    }

    /// The routing key of requests.
    pub(crate) fn requests(&self) -> &str {
        &self.settings.routing_key
    }

    /// Publishes a request.
    pub(crate) async fn publish_request(&self, message: &Message) -> Result<(), AmqpError> {
        self.publish(self.requests(), message).await
    }

    /// Puts a message straight back into the queue.
    pub(crate) async fn requeue(&self, message: &Message) -> Result<(), AmqpError> {
        self.send("", &self.settings.queue, message).await
    }

    /// Parks a message: it comes back by itself after about that time.
    pub(crate) async fn park(&self, message: &Message, after: Duration) -> Result<(), AmqpError> {
        self.send("", &self.delay_queue(after), message).await
    }

    /// Keeps a message in the dead-letter queue.
    pub(crate) async fn bury(&self, message: &Message) -> Result<(), AmqpError> {
        self.send("", &self.dead_letters(), message).await
    }

    async fn send(&self, exchange: &str, routing_key: &str, message: &Message) -> Result<(), AmqpError> {
        let mut headers = FieldTable::default();
        for (name, value) in &message.headers {
            headers.insert(ShortString::from(name.as_str()), text(value));
        }
        let mut properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_headers(headers);
        if let Some(id) = &message.id {
            properties = properties.with_message_id(id.as_str().into());
        }
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let confirm = in_time(self.channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            options,
            &message.body,
            properties,
        ))
        .await?;
        match in_time(confirm).await? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                Err(AmqpError::Unroutable { exchange: exchange.to_owned(), routing_key: routing_key.to_owned() })
            }
            Confirmation::Nack(None) | Confirmation::NotRequested => Err(AmqpError::Nacked),
        }
    }

    /// The first message of the dead-letter queue. It goes back there if it is not acknowledged.
    pub(crate) async fn next_dead_letter(&self) -> Result<Option<Delivery>, AmqpError> {
        let got = self.channel.basic_get(self.dead_letters().as_str().into(), BasicGetOptions::default());
        Ok(in_time(got).await?.map(|BasicGetMessage { delivery, .. }| Delivery::of(delivery)))
    }

    /// Empties the dead-letter queue, and says of how many messages.
    pub(crate) async fn purge_dead_letters(&self) -> Result<u32, AmqpError> {
        in_time(self.channel.queue_purge(self.dead_letters().as_str().into(), QueuePurgeOptions::default())).await
    }

    /// Closes it; what is not acknowledged goes back to the queue.
    pub(crate) async fn close(&self) {
        // It may be gone already.
        let _ = in_time(self.connection.close(200, "done".into())).await;
    }
}

impl Delivery {
    fn of(delivery: lapin::message::Delivery) -> Self {
        let properties = &delivery.properties;
        let headers = properties.headers().iter().flat_map(|table| table.inner().iter());
        let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), shown(value)?))).collect();
        let id = properties.message_id().as_ref().map(|id| id.as_str().to_owned());
        Self { message: Message { body: delivery.data, id, headers }, acker: delivery.acker }
    }

    /// The message is done with. False: the broker does not know, and will deliver it again.
    pub(crate) async fn acknowledge(&self) -> bool {
        matches!(in_time(self.acker.ack(BasicAckOptions::default())).await, Ok(true))
    }
}

fn shown(value: &AMQPValue) -> Option<String> {
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

trait MapWhileOk {
    fn map_while_ok(self) -> impl Stream<Item = Delivery> + Send + use<Self>
    where
        Self: Sized;
}

impl MapWhileOk for lapin::Consumer {
    fn map_while_ok(self) -> impl Stream<Item = Delivery> + Send {
        self.take_while(|delivery| std::future::ready(delivery.is_ok()))
            .filter_map(|delivery| std::future::ready(delivery.ok().map(Delivery::of)))
    }
}
