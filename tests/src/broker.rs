//! A client of RabbitMQ that publishes requests and collects results.

use crate::servers::{Servers, USER};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A message that arrived in the queue of results or in the dead-letter queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived {
    pub routing_key: String,
    pub message_id: String,
    pub correlation_id: String,
    /// The headers with a text value.
    pub headers: BTreeMap<String, String>,
    pub body: Value,
    pub at: Instant,
}

/// The names of one test's exchange and queues.
#[derive(Clone, Debug)]
pub struct Names {
    pub exchange: String,
    /// The queue of requests.
    pub queue: String,
    /// The queue of results.
    pub results: String,
}

impl Names {
    /// Returns unique names.
    pub fn fresh() -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        Self { exchange: format!("x-{id}"), queue: format!("q-{id}"), results: format!("r-{id}") }
    }
}

/// How long RabbitMQ may take to close a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The routing key of requests.
pub const REQUESTED: &str = "document.authentication.requested";

/// A connection to RabbitMQ, and the results that it has collected.
pub struct Broker {
    connection: Connection,
    channel: Channel,
    names: Names,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

fn durable() -> QueueDeclareOptions {
    QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() }
}

/// Returns the URL of a RabbitMQ at this address.
pub fn url(servers: &Servers, address: SocketAddr) -> String {
    format!("amqp://{USER}:{}@{address}/%2f", servers.rabbitmq.password)
}

impl Broker {
    /// Connects and declares the exchange.
    pub async fn connect(servers: &Servers, names: &Names) -> lapin::Result<Self> {
        Self::open(servers, names, false).await
    }

    /// Connects if the exchange exists.
    pub async fn connect_passively(servers: &Servers, names: &Names) -> lapin::Result<Self> {
        Self::open(servers, names, true).await
    }

    async fn open(servers: &Servers, names: &Names, passive: bool) -> lapin::Result<Self> {
        let url = url(servers, servers.rabbitmq.address());
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let options = ExchangeDeclareOptions { durable: true, passive, ..ExchangeDeclareOptions::default() };
        let exchange = names.exchange.as_str().into();
        channel.exchange_declare(exchange, ExchangeKind::Topic, options, FieldTable::default()).await?;
        Ok(Self { connection, channel, names: names.clone(), arrived: Arc::default() })
    }

    /// Declares and binds a durable queue for results, and starts to collect what arrives in it.
    pub async fn collect(&self) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        channel.queue_declare(self.names.results.as_str().into(), durable(), FieldTable::default()).await?;
        for key in ["document.authentication.ready", "document.authentication.failure"] {
            let (queue, exchange) = (self.names.results.as_str().into(), self.names.exchange.as_str().into());
            channel.queue_bind(queue, exchange, key.into(), QueueBindOptions::default(), FieldTable::default()).await?;
        }
        let queue = self.names.results.as_str().into();
        let options = BasicConsumeOptions::default();
        let mut consumer = channel.basic_consume(queue, "results".into(), options, FieldTable::default()).await?;
        let arrived = Arc::clone(&self.arrived);
        tokio::spawn(async move {
            while let Some(Ok(delivery)) = consumer.next().await {
                arrived.lock().unwrap_or_else(PoisonError::into_inner).push(read(&delivery));
                if delivery.ack(BasicAckOptions::default()).await.is_err() {
                    break;
                }
            }
        });
        Ok(())
    }

    /// Returns whether the connection is open.
    pub fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Ends the connection, if it has not ended already.
    pub async fn close(&self) {
        // An error means that it has ended.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.connection.close(200, "done".into())).await;
    }

    /// Adds results that another connection has collected.
    pub fn keep(&self, arrived: Vec<Arrived>) {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).extend(arrived);
    }

    /// Returns the results so far.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the number of results so far.
    pub fn arrivals(&self) -> usize {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Publishes a request and returns whether the broker has confirmed and routed it.
    pub async fn publish(&self, body: &[u8], headers: &[(&str, &str)]) -> lapin::Result<bool> {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        self.publish_with(REQUESTED, body, BasicProperties::default().with_headers(table)).await
    }

    /// Publishes a message with this routing key and these properties. Returns whether a queue
    /// accepted it.
    pub async fn publish_with(&self, key: &str, body: &[u8], properties: BasicProperties) -> lapin::Result<bool> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, properties) = (self.names.exchange.as_str().into(), properties.with_delivery_mode(2));
        let confirm = self.channel.basic_publish(exchange, key.into(), options, body, properties).await?.await?;
        Ok(matches!(confirm, Confirmation::Ack(None)))
    }

    /// Binds the queue of results to a further routing key.
    pub async fn bind_results(&self, key: &str) -> lapin::Result<()> {
        let (queue, exchange) = (self.names.results.as_str().into(), self.names.exchange.as_str().into());
        let options = QueueBindOptions::default();
        // A missing exchange closes the channel, so this uses one of its own.
        let channel = self.connection.create_channel().await?;
        channel.queue_bind(queue, exchange, key.into(), options, FieldTable::default()).await
    }

    /// Replaces the queue of requests by a classic queue without arguments, as an older service
    /// declared it.
    pub async fn replace_by_classic(&self) -> lapin::Result<()> {
        let queue = self.names.queue.as_str();
        self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        self.channel.queue_declare(queue.into(), durable(), FieldTable::default()).await?;
        Ok(())
    }

    /// Publishes a request that expires after so many milliseconds.
    pub async fn publish_expiring(&self, body: &[u8], milliseconds: u32) -> lapin::Result<bool> {
        let properties = BasicProperties::default().with_expiration(milliseconds.to_string().into());
        self.publish_with(REQUESTED, body, properties).await
    }

    /// Deletes the queue of requests with its messages.
    pub async fn delete_requests(&self) -> lapin::Result<()> {
        self.delete_queue(&self.names.queue).await
    }

    /// Deletes a queue with its messages.
    pub async fn delete_queue(&self, queue: &str) -> lapin::Result<()> {
        self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.map(drop)
    }

    /// Declares a quorum queue of requests that drops a message after `limit` deliveries, as another
    /// service may have done before the bridge.
    pub async fn declare_foreign_queue(&self, limit: i64) -> lapin::Result<()> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(limit));
        self.channel.queue_declare(self.names.queue.as_str().into(), durable(), arguments).await?;
        Ok(())
    }

    /// Declares the exchange with this argument, as another service may have done before the bridge.
    pub async fn declare_exchange_with(&self, argument: &str, value: &str) -> lapin::Result<()> {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let mut arguments = FieldTable::default();
        arguments.insert(argument.into(), AMQPValue::LongString(value.into()));
        self.channel
            .exchange_declare(self.names.exchange.as_str().into(), ExchangeKind::Topic, options, arguments)
            .await
    }

    /// Deletes the exchange.
    pub async fn delete_exchange(&self) -> lapin::Result<()> {
        self.channel.exchange_delete(self.names.exchange.as_str().into(), ExchangeDeleteOptions::default()).await
    }

    /// Deletes the binding of the queue of requests.
    pub async fn unbind_requests(&self) -> lapin::Result<()> {
        let (queue, exchange) = (self.names.queue.as_str().into(), self.names.exchange.as_str().into());
        self.channel.queue_unbind(queue, exchange, REQUESTED.into(), FieldTable::default()).await
    }

    /// Returns the number of ready messages in a queue. Unacknowledged ones do not count.
    pub async fn count(&self, queue: &str) -> lapin::Result<u32> {
        Ok(self.counts(queue).await?.0)
    }

    /// Returns the numbers of messages and of consumers of a queue.
    pub async fn counts(&self, queue: &str) -> lapin::Result<(u32, u32)> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        // A missing queue closes the channel, so this uses one of its own.
        let channel = self.connection.create_channel().await?;
        let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
        channel.close(200, "done".into()).await?;
        Ok((queue.message_count(), queue.consumer_count()))
    }

    /// Removes and returns the messages in the dead-letter queue.
    pub async fn take_dead_letters(&self) -> lapin::Result<Vec<Arrived>> {
        Ok(self.take(&format!("{}.dead", self.names.queue)).await?.iter().map(read).collect())
    }

    /// Removes and returns the messages in a queue, with all of their properties.
    pub async fn take(&self, queue: &str) -> lapin::Result<Vec<Delivery>> {
        let mut deliveries = Vec::new();
        let options = lapin::options::BasicGetOptions { no_ack: true };
        while let Some(message) = self.channel.basic_get(queue.into(), options).await? {
            deliveries.push(message.delivery);
        }
        Ok(deliveries)
    }
}

fn read(delivery: &Delivery) -> Arrived {
    let table = delivery.properties.headers().clone().unwrap_or_default();
    let headers = table.inner().iter().filter_map(|(name, value)| match value {
        AMQPValue::LongString(text) => {
            Some((name.as_str().to_owned(), String::from_utf8_lossy(text.as_bytes()).into_owned()))
        }
        _ => None,
    });
    Arrived {
        routing_key: delivery.routing_key.as_str().to_owned(),
        message_id: delivery.properties.message_id().as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        correlation_id: delivery
            .properties
            .correlation_id()
            .as_ref()
            .map(|id| id.as_str().to_owned())
            .unwrap_or_default(),
        headers: headers.collect(),
        body: serde_json::from_slice(&delivery.data).unwrap_or_default(),
        at: Instant::now(),
    }
}
