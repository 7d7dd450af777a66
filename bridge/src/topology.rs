//! The queues of a job: their names and arguments.

mod queue;
#[cfg(test)]
mod tests;

pub(crate) use queue::{Argument, Arguments, Origin, Queue, classic};

use crate::job::Job;
use crate::settings::AmqpSettings;
use queue::{DELIVERY_LIMIT, Declaration, QUORUM, both_types, dead_lettering, limited, type_argument};
use serde_json::json;
use std::time::Duration;

/// The value of `RABBITMQ_REQUEST_QUEUE_TYPE` for a queue of requests without arguments.
pub(crate) const PLAIN: &str = "plain";

/// The exchange, and the queues of a job.
#[derive(Clone)]
pub(crate) struct Topology {
    pub(crate) exchange: String,
    /// The queue of requests, which other services declare and publish to as well.
    pub(crate) queue: String,
    /// The routing key that binds the queue of requests to the exchange.
    pub(crate) routing_key: String,
    /// The queue that gets every result besides the exchange.
    pub(crate) result_queue: Option<String>,
    /// `plain`, or the type of the queue of requests.
    request_queue_type: &'static str,
    queue_type: &'static str,
    delays: Vec<Duration>,
}

impl Topology {
    pub(crate) fn new(settings: &AmqpSettings, job: &Job) -> Self {
        Self {
            exchange: settings.exchange.clone(),
            queue: job.queue.clone(),
            routing_key: job.routing_key.clone(),
            result_queue: job.result_queue.clone(),
            request_queue_type: settings.request_queue_type,
            queue_type: settings.queue_type,
            delays: settings.delays.clone(),
        }
    }

    /// Returns the name of the dead-letter queue.
    pub(crate) fn dead_letters(&self) -> String {
        format!("{}.dead", self.queue)
    }

    /// Returns the name of the queue of messages that RabbitMQ has removed from the queue of requests:
    /// expired, delivered too often, or too many.
    pub(crate) fn removed(&self) -> String {
        format!("{}.removed", self.queue)
    }

    /// Returns how long a message is delayed after `attempts` earlier attempts.
    pub(crate) fn delay(&self, attempts: u32) -> Duration {
        let index = usize::try_from(attempts).unwrap_or(usize::MAX).min(self.delays.len().saturating_sub(1));
        self.delays.get(index).copied().unwrap_or_default()
    }

    /// Returns the name of the delay queue for at least this delay, or of the longest one.
    pub(crate) fn delay_queue(&self, at_least: Duration) -> String {
        let delay = self.delays.iter().find(|delay| **delay >= at_least).or(self.delays.last());
        self.delay_queue_name(delay.copied().unwrap_or_default())
    }

    fn delay_queue_name(&self, delay: Duration) -> String {
        format!("{}.delay.{}ms", self.queue, delay.as_millis())
    }

    /// Returns all queues, the queue of requests first.
    pub(crate) fn queues(&self) -> Vec<Queue> {
        let removed = self.own(self.removed(), |kind| limited(kind, self.dead_letters()));
        let delays = self.delays.iter().map(|delay| {
            let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            self.own(self.delay_queue_name(*delay), |kind| {
                let mut arguments = dead_lettering(kind, self.queue.clone());
                arguments.push(("x-message-ttl", Argument::Number(milliseconds)));
                arguments
            })
        });
        let dead_letters = self.own(self.dead_letters(), |kind| vec![type_argument(kind)]);
        let results = self.result_queue.iter().map(|name| Queue::plain(name));
        let own = [removed].into_iter().chain(delays).chain([dead_letters]);
        [self.requests()].into_iter().chain(own).chain(results).collect()
    }

    /// The queue of requests. Other services declare it without arguments, before or after the bridge:
    /// RabbitMQ accepts only a declaration that is equal to the first one.
    fn requests(&self) -> Queue {
        let with_arguments = |(kind, origin)| {
            // An earlier release let removed messages go to the dead letters directly.
            [self.removed(), self.dead_letters()].map(|target| Declaration { arguments: limited(kind, target), origin })
        };
        let types = |first, origins: [Origin; 2]| both_types(first).into_iter().zip(origins).flat_map(with_arguments);
        let declarations = if self.request_queue_type == PLAIN {
            let plain = Declaration { arguments: Vec::new(), origin: Origin::Own };
            [plain].into_iter().chain(types(QUORUM, [Origin::Earlier; 2])).collect()
        } else {
            // As other services declare it. It drops nothing, because it has no limits.
            let plain = Declaration { arguments: classic(), origin: Origin::Foreign };
            types(self.request_queue_type, [Origin::Own, Origin::Foreign]).chain([plain]).collect()
        };
        Queue { name: self.queue.clone(), declarations }
    }

    /// A queue that only the bridge uses. It loses no message with the other type either.
    fn own(&self, name: String, arguments: impl Fn(&str) -> Arguments) -> Queue {
        let declaration = |(kind, origin)| Declaration { arguments: arguments(kind), origin };
        let origins = [Origin::Own, Origin::Foreign];
        Queue { name, declarations: both_types(self.queue_type).into_iter().zip(origins).map(declaration).collect() }
    }

    /// Returns what an operator has to do about a queue that was declared elsewhere with arguments
    /// that the bridge does not know.
    pub(crate) fn advice(&self, queue: &str, vhost: &str) -> String {
        let found = format!(
            "the queue {queue} was declared elsewhere with arguments that the bridge does not know, or has the default \
             type of its virtual host"
        );
        if queue != self.queue {
            return format!("{found}: delete it while it is empty, and the bridge declares it again");
        }
        let is_literal = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        let escaped = |character| if is_literal(character) { character.to_string() } else { format!("\\{character}") };
        let (pattern, removed) = (queue.chars().map(escaped).collect::<String>(), self.removed());
        let policy = json!({
            "dead-letter-exchange": "",
            "dead-letter-routing-key": removed,
            "dead-letter-strategy": "at-least-once",
            "delivery-limit": DELIVERY_LIMIT,
            "overflow": "reject-publish",
        });
        format!(
            "{found}. A quorum queue without a dead-letter exchange drops the messages that reach its delivery limit. \
             Unless a policy prevents this already, run: rabbitmqctl set_policy -p '{vhost}' --apply-to queues \
             '{queue}' '^{pattern}$' '{policy}'"
        )
    }
}
