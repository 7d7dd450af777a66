//! The settings of RabbitMQ.

use super::reader::{Invalid, Reader, Source};
use super::table;
use crate::job::{self, Job};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// Where RabbitMQ is, and what is declared there. Holds a secret: no `Debug`.
#[derive(Clone)]
pub(crate) struct AmqpSettings {
    pub(crate) url: String,
    pub(crate) exchange: String,
    /// `quorum` or `classic`.
    pub(crate) queue_type: &'static str,
    /// How long a message is delayed before its second, third … attempt.
    pub(crate) delays: Vec<Duration>,
    /// The table of jobs. The first one is the authentication of documents.
    pub(crate) jobs: Vec<Job>,
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

    /// Returns the job of this name.
    pub(crate) fn job(&self, name: &str) -> Result<&Job, Invalid> {
        let names = || self.jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>().join(" or ");
        let job = self.jobs.iter().find(|job| job.name == name);
        job.ok_or_else(|| Invalid::new(format!("--job must be {}", names())))
    }

    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let url = if reader.is_set(&table::RABBITMQ_URL) {
            reader.required(&table::RABBITMQ_URL)
        } else {
            url_from_parts(reader)
        };
        let exchange = reader.required(&table::RABBITMQ_EXCHANGE);
        let queue_type = reader.required(&table::RABBITMQ_QUEUE_TYPE);
        let delays = reader.required(&table::BRIDGE_RETRY_DELAYS);
        let jobs = jobs(reader);
        Some(Self { url: url?, exchange: exchange?, queue_type: queue_type?, delays: delays?, jobs: jobs? })
    }
}

fn jobs(reader: &mut Reader) -> Option<Vec<Job>> {
    let queue = reader.required(&table::RABBITMQ_DOCUMENT_AUTH_QUEUE);
    let routing_key = reader.required(&table::RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY);
    let further = reader.required(&table::BRIDGE_JOBS)?;
    let jobs: Vec<_> = job::table(queue?, routing_key?).into_iter().chain(further).collect();
    if !job::are_distinct(&jobs) {
        reader.report(format!("{} must not repeat a name or a queue of the built-in jobs", table::BRIDGE_JOBS.name));
    }
    Some(jobs)
}

fn url_from_parts(reader: &mut Reader) -> Option<String> {
    let (user, password) = (reader.optional(&table::RABBITMQ_USER), reader.optional(&table::RABBITMQ_PASSWORD));
    if user.is_none() || password.is_none() {
        let [url, user, password] =
            [table::RABBITMQ_URL.name, table::RABBITMQ_USER.name, table::RABBITMQ_PASSWORD.name];
        reader.report(format!("{url} must be set, or {user} and {password}"));
    }
    let host = reader.required(&table::RABBITMQ_HOST);
    let port = reader.required(&table::RABBITMQ_PORT);
    let vhost = reader.required(&table::RABBITMQ_VHOST);
    let [user, password, vhost] =
        [user?, password?, vhost?].map(|part| utf8_percent_encode(&part, RESERVED).to_string());
    Some(format!("amqp://{user}:{password}@{}:{}/{vhost}", host?, port?))
}
