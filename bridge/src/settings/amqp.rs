//! The settings of RabbitMQ.

use super::reader::{Invalid, Reader, Source};
use super::{table, tls};
use crate::amqp::{Server, ServerProblem};
use crate::job::{self, Job};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// Where RabbitMQ is, and what is declared there. Holds a secret: no `Debug`.
#[derive(Clone)]
pub(crate) struct AmqpSettings {
    pub(crate) server: Server,
    /// For `amqps`.
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) exchange: String,
    /// The type of the queues that only the bridge uses: `quorum` or `classic`.
    pub(crate) queue_type: &'static str,
    /// The type of the queues of requests: `plain`, `quorum` or `classic`.
    pub(crate) request_queue_type: &'static str,
    /// How long a message is delayed before its second, third … attempt.
    pub(crate) delays: Vec<Duration>,
    /// The table of jobs. The first one is the authentication of documents.
    pub(crate) jobs: Vec<Job>,
}

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
        let server = if reader.is_set(&table::RABBITMQ_URL) {
            let url = reader.required(&table::RABBITMQ_URL);
            url.and_then(|url| valid(reader, table::RABBITMQ_URL.name, Server::from_url(&url)))
        } else {
            server_from_parts(reader)
        };
        let tls = tls::read(reader);
        let exchange = reader.required(&table::RABBITMQ_EXCHANGE);
        let queue_type = reader.required(&table::RABBITMQ_QUEUE_TYPE);
        let request_queue_type = reader.required(&table::RABBITMQ_REQUEST_QUEUE_TYPE);
        let delays = reader.required(&table::BRIDGE_RETRY_DELAYS);
        let jobs = jobs(reader);
        Some(Self {
            server: server?,
            tls: tls?,
            exchange: exchange?,
            queue_type: queue_type?,
            request_queue_type: request_queue_type?,
            delays: delays?,
            jobs: jobs?,
        })
    }
}

fn jobs(reader: &mut Reader) -> Option<Vec<Job>> {
    let queue = reader.required(&table::RABBITMQ_DOCUMENT_AUTH_QUEUE);
    let routing_key = reader.required(&table::RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY);
    let result_queue = reader.optional(&table::BRIDGE_RESULT_QUEUE);
    let further = reader.required(&table::BRIDGE_JOBS)?;
    let jobs: Vec<_> = job::table(queue?, routing_key?, result_queue).into_iter().chain(further).collect();
    if !job::are_distinct(&jobs) {
        let [jobs, results] = [table::BRIDGE_JOBS.name, table::BRIDGE_RESULT_QUEUE.name];
        reader.report(format!("{jobs} and {results} must not repeat a name or a queue of requests of another job"));
    }
    Some(jobs)
}

fn server_from_parts(reader: &mut Reader) -> Option<Server> {
    let (user, password) = (reader.optional(&table::RABBITMQ_USER), reader.optional(&table::RABBITMQ_PASSWORD));
    let is_missing = !reader.is_set(&table::RABBITMQ_USER) || !reader.is_set(&table::RABBITMQ_PASSWORD);
    if is_missing {
        let [url, user, password] =
            [table::RABBITMQ_URL.name, table::RABBITMQ_USER.name, table::RABBITMQ_PASSWORD.name];
        reader.report(format!("{url} must be set, or {user} and {password}"));
    }
    let host = reader.required(&table::RABBITMQ_HOST);
    let port = reader.required(&table::RABBITMQ_PORT);
    let vhost = reader.required(&table::RABBITMQ_VHOST);
    let server = Server::from_parts([user?, password?], &host?, port?, vhost?);
    valid(reader, table::RABBITMQ_HOST.name, server)
}

/// Reports what is wrong with the address in a setting.
fn valid(reader: &mut Reader, name: &str, server: Result<Server, ServerProblem>) -> Option<Server> {
    server.map_err(|problem| reader.report(format!("{name} {problem}"))).ok()
}
