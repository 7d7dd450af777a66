//! A session with RabbitMQ: consuming and publishing.

use super::declare::{self, Declared, QueueState, bind, declare_exchange, declare_plain, declare_queue};
use super::delivery::Delivery;
use super::link::Link;
use super::{AmqpError, Outgoing, account, consumer, in_time};
use crate::job::Job;
use crate::message::{Message, REMOVED};
use crate::settings::AmqpSettings;
use crate::topology::{Origin, Queue, Topology};
use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueuePurgeOptions};
use lapin::{BasicProperties, Confirmation};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// The tag of the consumer of messages that RabbitMQ has removed from the queue of requests, and how
/// many unacknowledged ones it delivers at most.
const REMOVED_TAG: &str = "removed";
const REMOVED_PREFETCH: u16 = 10;

/// How many unacknowledged results the broker delivers at most.
const RESULTS_PREFETCH: u16 = 100;

/// A connection that consumes, and another one that publishes, with confirms. RabbitMQ blocks a
/// connection that publishes while its memory or disk runs short, and with it the acknowledgements
/// that would free them.
pub(crate) struct Session {
    consuming: Arc<Link>,
    publishing: Arc<Link>,
    topology: Topology,
    found: OnceLock<Found>,
    ended: watch::Sender<bool>,
}

/// What [`Session::declare`] has found.
#[derive(Clone, Default)]
struct Found {
    /// Whether RabbitMQ moves a rejected request to another queue.
    moves_rejected: bool,
    exchange_is_own: bool,
    is_bound: bool,
    /// The queue of results, if it can be declared again.
    results: Option<String>,
}

/// A publishing connection that RabbitMQ blocks. A new one would be blocked as well, so the next
/// session takes it over.
pub(crate) struct Blocked(Arc<Link>);

impl Session {
    /// Connects to RabbitMQ, to work with the queues of a job.
    pub(crate) async fn open(settings: &AmqpSettings, job: &Job) -> Result<Self, AmqpError> {
        Self::open_with(settings, job, &mut None).await
    }

    /// Like [`Self::open`], with the publishing connection of an earlier session, if there is one.
    /// During an alarm of RabbitMQ a new connection cannot show its account: it is left in `blocked`,
    /// and the error is [`AmqpError::Blocked`].
    pub(crate) async fn open_with(
        settings: &AmqpSettings,
        job: &Job,
        blocked: &mut Option<Blocked>,
    ) -> Result<Self, AmqpError> {
        let uri = settings.server.uri();
        let publishing = match blocked.take() {
            Some(Blocked(kept)) if kept.is_alive() => kept,
            Some(_) | None => Link::open(uri.clone(), &settings.tls, false).await?,
        };
        if let Err(error) = account::confirm(&publishing, &uri.authority.userinfo.username).await {
            *blocked = matches!(error, AmqpError::Blocked).then_some(Blocked(publishing));
            return Err(error);
        }
        let consuming = Link::open(uri, &settings.tls, true).await?;
        let topology = Topology::new(settings, job);
        let (found, ended) = (OnceLock::new(), watch::Sender::new(false));
        Ok(Self { consuming, publishing, topology, found, ended })
    }

    /// Declares the exchange and the queues, and returns their state.
    pub(crate) async fn declare(&self) -> Result<Declared, AmqpError> {
        let declared = declare::declare(&self.consuming.connection, &self.topology).await?;
        let Declared { exchange_is_own, is_bound, queues } = &declared;
        let results = self.topology.result_queue.clone();
        let can_declare = |name: &String| queues.iter().any(|it| it.name == *name && it.origin == Origin::Own);
        let found = Found {
            moves_rejected: queues.first().is_some_and(|queue| queue.moves_rejected),
            exchange_is_own: *exchange_is_own,
            is_bound: *is_bound,
            results: results.filter(can_declare),
        };
        // It is declared once in a session.
        let _ = self.found.set(found);
        Ok(declared)
    }

    /// Returns what an operator should know about what was declared.
    pub(crate) fn advice(&self, declared: &Declared) -> Vec<String> {
        let Topology { exchange, queue, routing_key, .. } = &self.topology;
        let mut advice = Vec::new();
        if !declared.exchange_is_own {
            advice.push(format!(
                "the exchange {exchange} is used as it is: it has other properties, or may not be declared"
            ));
        }
        if !declared.is_bound {
            advice.push(format!(
                "the queue {queue} could not be bound to {exchange} with {routing_key}: check that it is"
            ));
        }
        if declared.queues.iter().any(|queue| queue.origin == Origin::Unchecked) {
            advice.push("the account may not declare queues: they are used as they are".to_owned());
        }
        advice.extend(declared.queues.iter().filter_map(|queue| self.advice_about(queue)));
        advice
    }

    /// Returns what an operator has to do about a queue, if it can lose messages.
    fn advice_about(&self, queue: &QueueState) -> Option<String> {
        let vhost = self.consuming.connection.status().vhost();
        let is_ours = self.topology.result_queue.as_ref() != Some(&queue.name);
        (is_ours && queue.origin == Origin::Unknown).then(|| self.topology.advice(&queue.name, vhost.as_str()))
    }

    fn found(&self) -> Found {
        self.found.get().cloned().unwrap_or_default()
    }

    /// The account of the connections, if RabbitMQ has confirmed it.
    fn account(&self) -> Option<&str> {
        self.publishing.account.get()?.as_deref()
    }

    /// The names and delays of the queues.
    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Consumes requests and those that RabbitMQ has removed from their queue, at most `prefetch`
    /// of them unacknowledged at the same time. The stream ends with the session and after
    /// [`Session::stop_consuming`].
    pub(crate) async fn consume(
        &self,
        prefetch: u16,
    ) -> Result<impl Stream<Item = Delivery> + Send + use<>, AmqpError> {
        let channel = &self.consuming.channel;
        let removed = consumer::start(channel.clone(), self.topology.removed(), REMOVED_PREFETCH, REMOVED_TAG).await?;
        let requests = consumer::consume(channel, &self.topology.queue, prefetch).await?;
        let (receive, is_movable) = (self.receive(), self.found().moves_rejected);
        let requests = requests.map(move |(delivery, settled)| receive(delivery).in_queue(is_movable, settled));
        let receive = self.receive();
        let removed = consumer::received(removed).map(move |delivery| receive(delivery).in_queue(true, None).removed());
        Ok(consumer::both(requests, removed))
    }

    /// Consumes results from a queue, which is declared if it does not exist, and bound to these
    /// routing keys.
    pub(crate) async fn results(
        &self,
        queue: &str,
        keys: &[&str],
    ) -> Result<impl Stream<Item = Delivery> + Send + use<>, AmqpError> {
        let channel = &self.consuming.channel;
        declare_queue(&self.consuming.connection, Queue::plain(queue)).await?;
        for key in keys {
            bind(channel, queue, &self.topology.exchange, key).await?;
        }
        let started = consumer::start(channel.clone(), queue.to_owned(), RESULTS_PREFETCH, "results").await?;
        Ok(consumer::received(started).map(self.receive()))
    }

    /// Returns the function that makes messages of deliveries. It removes headers of the bridge that
    /// other publishers have set.
    fn receive(&self) -> impl Fn(lapin::message::Delivery) -> Delivery + Send + use<> {
        let (line, account) = (Arc::clone(&self.consuming.line), self.account().map(str::to_owned));
        move |delivery| Delivery::from_lapin(delivery, &line, account.as_deref()).without_forged_headers()
    }

    /// Asks the broker for no further requests.
    pub(crate) async fn stop_consuming(&self) -> Result<(), AmqpError> {
        consumer::cancel(&self.consuming.channel, REMOVED_TAG).await?;
        consumer::cancel(&self.consuming.channel, consumer::TAG).await
    }

    /// Returns whether the connections and their channels are still open.
    pub(crate) fn is_alive(&self) -> bool {
        self.consuming.is_alive() && self.publishing.is_alive()
    }

    /// Returns whether RabbitMQ accepts no publishes, because of an alarm of its memory or disk.
    pub(crate) fn is_blocked(&self) -> bool {
        self.publishing.is_blocked()
    }

    /// Declares the exchange, the binding and the queue of results again, which somebody may have
    /// deleted, and publishes a message that no queue gets. An exchange of others must exist. Returns
    /// an error if the broker does not answer in time. A connection that is blocked, or that has read
    /// as much as may be in progress, is not asked.
    pub(crate) async fn check(&self, limit: Duration) -> Result<(), AmqpError> {
        let Topology { exchange, queue, routing_key, .. } = &self.topology;
        let (consuming, publishing) = (&self.consuming.channel, &self.publishing.channel);
        let bound = async {
            let Found { exchange_is_own, is_bound, results, .. } = self.found();
            declare_exchange(consuming, &self.topology, !exchange_is_own).await?;
            if is_bound {
                bind(consuming, queue, exchange, routing_key).await?;
            }
            match results {
                Some(results) => declare_plain(consuming, &results).await,
                None => Ok(()),
            }
        };
        let accepted = async { Ok(account::publish_nowhere(publishing, BasicProperties::default()).await?) };
        let is_full = || self.consuming.line.is_full();
        tokio::try_join!(answered(limit, is_full, bound), answered(limit, || self.is_blocked(), accepted))?;
        Ok(())
    }

    /// Publishes a request to the exchange.
    pub(crate) async fn publish_request(&self, message: &Message) -> Result<(), AmqpError> {
        self.send(&self.topology.exchange, &self.topology.routing_key, message, false).await
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
        let account = self.account();
        let properties = message.properties.published(message.all_headers(), account, keeps_history);
        let confirmed = async {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let (channel, body, key) = (&self.publishing.channel, &message.body, routing_key.into());
            channel.basic_publish(exchange.into(), key, options, body, properties).await?.await
        };
        let confirmation = tokio::select! {
            confirmation = self.publishing.answer(confirmed) => confirmation?,
            () = self.ended() => return Err(AmqpError::Closed),
        };
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) if exchange.is_empty() => {
                Err(AmqpError::NoQueue(routing_key.to_owned()))
            }
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                Err(AmqpError::Unroutable { exchange: exchange.to_owned(), routing_key: routing_key.to_owned() })
            }
            Confirmation::Nack(None) | Confirmation::NotRequested => Err(AmqpError::Nacked),
        }
    }

    /// Returns the first message of the dead-letter queue. It stays there unless it is
    /// acknowledged.
    pub(crate) async fn next_dead_letter(&self) -> Result<Option<Delivery>, AmqpError> {
        let Link { channel, line, .. } = &*self.consuming;
        let got = channel.basic_get(self.topology.dead_letters().as_str().into(), BasicGetOptions::default());
        let delivery = |got: BasicGetMessage| Delivery::from_lapin(got.delivery, line, self.account());
        Ok(in_time(got).await?.map(delivery))
    }

    /// Empties the dead-letter queue, and returns the number of removed messages.
    pub(crate) async fn purge_dead_letters(&self) -> Result<u32, AmqpError> {
        let queue = self.topology.dead_letters();
        in_time(self.consuming.channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default())).await
    }

    /// Closes the connections; unacknowledged messages return to their queue.
    pub(crate) async fn close(&self) {
        tokio::join!(self.consuming.close(), self.publishing.close());
    }

    /// Ends a session that is lost, without waiting for the broker. Publishes that have not been
    /// confirmed fail.
    pub(crate) fn end(&self) -> Option<Blocked> {
        self.ended.send_replace(true);
        self.consuming.abort();
        if self.is_blocked() {
            return Some(Blocked(Arc::clone(&self.publishing)));
        }
        self.publishing.abort();
        None
    }

    /// Returns when the session has been ended.
    async fn ended(&self) {
        // The sender is a part of the session.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

#[async_trait]
impl Outgoing for Session {
    async fn publish_result(&self, routing_key: &str, message: &Message) -> Result<(), AmqpError> {
        if let Some(queue) = &self.topology.result_queue {
            // First, so that a missing queue does not repeat the result on the exchange.
            self.send("", queue, message, false).await?;
        }
        match self.send(&self.topology.exchange, routing_key, message, false).await {
            // The queue of results has it: there may be no other consumers.
            Err(AmqpError::Unroutable { .. }) if self.topology.result_queue.is_some() => Ok(()),
            published => published,
        }
    }

    async fn delay(&self, message: &Message, attempts: u32, at_least: Duration) -> Result<(), AmqpError> {
        let topology = &self.topology;
        let queue = if message.headers.contains_key(REMOVED) {
            topology.removed()
        } else {
            topology.delay_queue(topology.delay(attempts).max(at_least))
        };
        self.send("", &queue, message, false).await
    }

    async fn dead_letter(&self, message: &Message) -> Result<(), AmqpError> {
        self.send("", &self.topology.dead_letters(), message, true).await
    }
}

/// Awaits an answer for at most `limit`, unless none can be read because the connection is silent.
async fn answered(
    limit: Duration,
    is_silent: impl Fn() -> bool,
    answer: impl Future<Output = Result<(), AmqpError>>,
) -> Result<(), AmqpError> {
    if is_silent() {
        return Ok(());
    }
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) if is_silent() => Ok(()),
        Err(_) => Err(AmqpError::Timeout(limit)),
    }
}
