//! A session with RabbitMQ: declaring, consuming and publishing.

use super::delivery::Delivery;
use super::transport::{self, Line};
use super::{AmqpError, Outgoing, account, consumer, in_time};
use crate::job::Job;
use crate::message::Message;
use crate::settings::AmqpSettings;
use crate::topology::{Argument, Queue, Topology};
use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::uri::AMQPUri;
use lapin::{Channel, Confirmation, Connection, ExchangeKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many unacknowledged results the broker delivers at most.
const RESULTS_PREFETCH: u16 = 100;

/// A connection, with a channel whose publishes are confirmed.
pub(crate) struct Session {
    connection: Connection,
    line: Arc<Line>,
    channel: Channel,
    /// The account of the connection, if RabbitMQ has confirmed it.
    account: Option<String>,
    topology: Topology,
    /// The queue of requests was declared by others.
    is_foreign: AtomicBool,
}

/// The state of a declared queue.
pub(crate) struct QueueState {
    pub(crate) name: String,
    pub(crate) messages: u32,
    pub(crate) consumers: u32,
    /// The queue existed with other arguments, and is used with them.
    pub(crate) foreign: bool,
}

impl Session {
    /// Connects to RabbitMQ, to work with the queues of a job.
    pub(crate) async fn open(settings: &AmqpSettings, job: &Job) -> Result<Self, AmqpError> {
        let uri: AMQPUri = settings.url.parse().map_err(|_| AmqpError::Url)?;
        let user = uri.authority.userinfo.username.clone();
        let (connection, line) = in_time(transport::connect(uri, false)).await?;
        let account = account::confirmed(&connection, &user).await?;
        let channel = in_time(connection.create_channel()).await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let topology = Topology::new(settings, job);
        Ok(Self { connection, line, channel, account, topology, is_foreign: AtomicBool::new(false) })
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
        self.is_foreign.store(states.first().is_some_and(|state| state.foreign), Ordering::Relaxed);
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
        let deliveries = consumer::consume(&self.channel, &self.topology.queue, prefetch).await?;
        let (receive, is_movable) = (self.receive(), !self.is_foreign.load(Ordering::Relaxed));
        Ok(deliveries.map(move |(delivery, settled)| receive(delivery).in_queue(is_movable, settled)))
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
        let started = consumer::start(self.channel.clone(), queue.to_owned(), RESULTS_PREFETCH, "results").await?;
        Ok(consumer::received(started).map(self.receive()))
    }

    /// Returns what turns deliveries into messages. Headers of ours that others have set are removed.
    fn receive(&self) -> impl Fn(lapin::message::Delivery) -> Delivery + Send + use<> {
        let (line, account) = (Arc::clone(&self.line), self.account.clone());
        move |delivery| Delivery::from_lapin(delivery, &line, account.as_deref()).without_forged_headers()
    }

    /// Asks the broker for no further requests.
    pub(crate) async fn stop_consuming(&self) -> Result<(), AmqpError> {
        consumer::cancel(&self.channel).await
    }

    /// Returns whether the connection and the channel are still open.
    pub(crate) fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Publishes a request to the exchange.
    pub(crate) async fn publish_request(&self, message: &Message) -> Result<(), AmqpError> {
        self.publish(&self.topology.routing_key, message).await
    }

    /// Puts a message into the queue of requests.
    pub(crate) async fn requeue(&self, message: &Message) -> Result<(), AmqpError> {
        self.send("", &self.topology.queue, message, false).await
    }

    async fn send(
        &self,
        exchange: &str,
        routing_key: &str,
        message: &Message,
        keeps_history: bool,
    ) -> Result<(), AmqpError> {
        let account = self.account.as_deref();
        let properties = message.properties.published(message.all_headers(), account, keeps_history);
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
        let delivery = |got: BasicGetMessage| Delivery::from_lapin(got.delivery, &self.line, self.account.as_deref());
        Ok(in_time(got).await?.map(delivery))
    }

    /// Empties the dead-letter queue, and returns the number of removed messages.
    pub(crate) async fn purge_dead_letters(&self) -> Result<u32, AmqpError> {
        let queue = self.topology.dead_letters();
        in_time(self.channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default())).await
    }

    /// Closes the connection; unacknowledged messages return to their queue.
    pub(crate) async fn close(&self) {
        if in_time(self.connection.close(200, "done".into())).await.is_err() {
            // It is closed already, or the broker does not answer.
            self.line.abort();
        }
    }
}

#[async_trait]
impl Outgoing for Session {
    async fn publish(&self, routing_key: &str, message: &Message) -> Result<(), AmqpError> {
        self.send(&self.topology.exchange, routing_key, message, false).await
    }

    async fn delay(&self, message: &Message, attempts: u32, at_least: Duration) -> Result<(), AmqpError> {
        let delay = self.topology.delay(attempts).max(at_least);
        self.send("", &self.topology.delay_queue(delay), message, false).await
    }

    async fn dead_letter(&self, message: &Message) -> Result<(), AmqpError> {
        self.send("", &self.topology.dead_letters(), message, true).await
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
