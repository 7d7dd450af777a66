//! A service that works with RabbitMQ as the Go service for documents does: it declares its queues
//! durable and without arguments, publishes to the default exchange, and binds nothing.

use crate::broker;
use crate::servers::Servers;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::{Value, json};

/// A connection of the service.
pub struct Peer {
    connection: Connection,
    requests: String,
    results: String,
}

/// Returns the body of a request as the service writes it.
pub fn request(id: &str) -> Value {
    json!({"messageId": id, "idCitizen": 1_128_456_232, "urlDocument": "https://bucket.example/file.pdf?signature",
           "documentTitle": "Diploma", "documentId": format!("d-{id}")})
}

impl Peer {
    /// Connects. The service publishes to the queue `requests` and consumes the queue `results`.
    pub async fn connect(servers: &Servers, requests: &str, results: &str) -> lapin::Result<Self> {
        let url = broker::url(servers, servers.rabbitmq.address());
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        Ok(Self { connection, requests: requests.to_owned(), results: results.to_owned() })
    }

    async fn declare(&self, queue: &str) -> lapin::Result<Channel> {
        // A refusal closes the channel.
        let channel = self.connection.create_channel().await?;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
        Ok(channel)
    }

    /// Declares the queue of requests and publishes one. Returns whether RabbitMQ has put it into the
    /// queue.
    pub async fn publish(&self, id: &str) -> lapin::Result<bool> {
        self.publish_with(request(id).to_string().as_bytes(), BasicProperties::default()).await
    }

    /// Like [`Self::publish`], with this body and these properties.
    pub async fn publish_with(&self, body: &[u8], properties: BasicProperties) -> lapin::Result<bool> {
        let channel = self.declare(&self.requests).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = properties.with_delivery_mode(2);
        let queue = self.requests.as_str().into();
        let confirmation = channel.basic_publish("".into(), queue, options, body, properties).await?.await?;
        channel.close(200, "done".into()).await?;
        Ok(matches!(confirmation, Confirmation::Ack(None)))
    }

    /// Declares the queue of results, and takes what is in it.
    pub async fn results(&self) -> lapin::Result<Vec<Value>> {
        let channel = self.declare(&self.results).await?;
        let mut results = Vec::new();
        while let Some(got) = channel.basic_get(self.results.as_str().into(), BasicGetOptions { no_ack: true }).await? {
            results.push(serde_json::from_slice(&got.delivery.data).expect("JSON"));
        }
        channel.close(200, "done".into()).await?;
        Ok(results)
    }
}
