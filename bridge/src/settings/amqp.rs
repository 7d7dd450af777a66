//! The settings of RabbitMQ.

use super::reader::{Invalid, Reader, Source};
use super::table;
use crate::topology::Topology;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Where RabbitMQ is, and what is declared there. Holds a secret: no `Debug`.
#[derive(Clone)]
pub(crate) struct AmqpSettings {
    pub(crate) url: String,
    pub(crate) topology: Topology,
}

/// All but the unreserved characters of a URL (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl AmqpSettings {
    /// Reads the settings of the commands that only use RabbitMQ.
    pub(crate) fn from_source(source: &dyn Source) -> Result<Self, Invalid> {
        let mut reader = Reader::new(source);
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let url = if reader.is_set(&table::RABBITMQ_URL) {
            reader.required(&table::RABBITMQ_URL)
        } else {
            url_from_parts(reader)
        };
        let exchange = reader.required(&table::RABBITMQ_EXCHANGE);
        let queue = reader.required(&table::RABBITMQ_DOCUMENT_AUTH_QUEUE);
        let routing_key = reader.required(&table::RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY);
        let queue_type = reader.required(&table::RABBITMQ_QUEUE_TYPE);
        let delays = reader.required(&table::BRIDGE_RETRY_DELAYS);
        let topology = Topology {
            exchange: exchange?,
            queue: queue?,
            routing_key: routing_key?,
            queue_type: queue_type?,
            delays: delays?,
        };
        Some(Self { url: url?, topology })
    }
}

fn url_from_parts(reader: &mut Reader) -> Option<String> {
    let user = reader.required(&table::RABBITMQ_USER);
    let password = reader.required(&table::RABBITMQ_PASSWORD);
    let host = reader.required(&table::RABBITMQ_HOST);
    let port = reader.required(&table::RABBITMQ_PORT);
    let vhost = reader.required(&table::RABBITMQ_VHOST);
    let [user, password, vhost] =
        [user?, password?, vhost?].map(|part| utf8_percent_encode(&part, RESERVED).to_string());
    Some(format!("amqp://{user}:{password}@{}:{}/{vhost}", host?, port?))
}
