//! The queues of a job: their names and arguments.

use crate::job::Job;
use crate::settings::AmqpSettings;
use serde_json::json;
use std::time::Duration;

/// How often the broker delivers a message that is never settled before it dead-letters it. Each
/// crash of the bridge or of the broker costs every message in progress one delivery.
const DELIVERY_LIMIT: i64 = 100;

const QUORUM: &str = "quorum";
const CLASSIC: &str = "classic";

/// The exchange, and the queues of a job.
#[derive(Clone)]
pub(crate) struct Topology {
    pub(crate) exchange: String,
    /// The queue of requests.
    pub(crate) queue: String,
    /// The routing key that binds the queue of requests to the exchange.
    pub(crate) routing_key: String,
    queue_type: &'static str,
    delays: Vec<Duration>,
}

/// A queue to declare.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) arguments: Arguments,
    /// The arguments with which an earlier release declared it.
    pub(crate) older: Option<Arguments>,
    /// Other arguments with which the queue loses no message either.
    pub(crate) harmless: Vec<Arguments>,
}

/// The arguments of a queue.
pub(crate) type Arguments = Vec<(&'static str, Argument)>;

/// The value of an argument of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Text(String),
    Number(i64),
}

impl Topology {
    pub(crate) fn new(settings: &AmqpSettings, job: &Job) -> Self {
        Self {
            exchange: settings.exchange.clone(),
            queue: job.queue.clone(),
            routing_key: job.routing_key.clone(),
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

    /// Returns all queues: the queue of requests first, the dead-letter queue last.
    pub(crate) fn queues(&self) -> Vec<Queue> {
        let mut queues = self.queues_of(self.queue_type);
        let others = self.queues_of(if self.queue_type == QUORUM { CLASSIC } else { QUORUM });
        for (queue, other) in queues.iter_mut().zip(others) {
            queue.harmless.extend([Some(other.arguments), other.older].into_iter().flatten());
        }
        if let Some(requests) = queues.first_mut() {
            // As other services declare it, without arguments. It drops nothing, because it has no
            // limits and the bridge rejects no message.
            requests.harmless.push(vec![type_argument(CLASSIC)]);
        }
        queues
    }

    fn queues_of(&self, queue_type: &str) -> Vec<Queue> {
        let limited = |name: String, target: String| {
            let mut queue = dead_lettering(queue_type, name, target);
            if queue_type == QUORUM {
                queue.arguments.push(("x-delivery-limit", Argument::Number(DELIVERY_LIMIT)));
            }
            queue
        };
        let removed = limited(self.removed(), self.dead_letters());
        let mut requests = limited(self.queue.clone(), self.removed());
        requests.older = Some(limited(self.queue.clone(), self.dead_letters()).arguments);
        let delays = self.delays.iter().map(|delay| {
            let mut queue = dead_lettering(queue_type, self.delay_queue_name(*delay), self.queue.clone());
            let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            queue.arguments.push(("x-message-ttl", Argument::Number(milliseconds)));
            queue
        });
        let dead_letters = queue(self.dead_letters(), vec![type_argument(queue_type)]);
        [requests, removed].into_iter().chain(delays).chain([dead_letters]).collect()
    }

    /// Returns what an operator has to do about a queue that was declared elsewhere with arguments
    /// that the bridge does not know.
    pub(crate) fn advice(&self, queue: &str, vhost: &str) -> String {
        let found = format!("the queue {queue} was declared elsewhere with arguments that the bridge does not know");
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

/// A queue whose expired and rejected messages go to another queue.
fn dead_lettering(queue_type: &str, name: String, target: String) -> Queue {
    let text = |text: &str| Argument::Text(text.to_owned());
    let mut arguments = vec![
        type_argument(queue_type),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", Argument::Text(target)),
    ];
    if queue_type == QUORUM {
        // Without these two a message can be lost on its way from one queue to the other.
        arguments.push(("x-dead-letter-strategy", text("at-least-once")));
        arguments.push(("x-overflow", text("reject-publish")));
    }
    queue(name, arguments)
}

fn queue(name: String, arguments: Arguments) -> Queue {
    Queue { name, arguments, older: None, harmless: Vec::new() }
}

fn type_argument(queue_type: &str) -> (&'static str, Argument) {
    ("x-queue-type", Argument::Text(queue_type.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(queue_type: &'static str) -> Topology {
        let delays = [1, 5, 30].map(Duration::from_secs).to_vec();
        let (exchange, queue, routing_key) = ("x".into(), "q".into(), "k".into());
        Topology { exchange, queue, routing_key, queue_type, delays }
    }

    #[test]
    fn delays_grow_with_the_attempts_up_to_the_longest() {
        let topology = topology("quorum");
        for (attempts, seconds) in [(0, 1), (1, 5), (2, 30), (3, 30), (u32::MAX, 30)] {
            assert_eq!(topology.delay(attempts), Duration::from_secs(seconds), "{attempts}");
        }
    }

    #[test]
    fn delay_queue_is_the_first_that_is_long_enough_or_the_longest() {
        let topology = topology("quorum");
        for (seconds, name) in
            [(0, "q.delay.1000ms"), (1, "q.delay.1000ms"), (2, "q.delay.5000ms"), (99, "q.delay.30000ms")]
        {
            assert_eq!(topology.delay_queue(Duration::from_secs(seconds)), name);
        }
    }

    #[test]
    fn quorum_queues_dead_letter_at_least_once() {
        let text = |text: &str| Argument::Text(text.to_owned());
        let queues = topology("quorum").queues();
        let names: Vec<_> = queues.iter().map(|queue| queue.name.as_str()).collect();
        assert_eq!(names, ["q", "q.removed", "q.delay.1000ms", "q.delay.5000ms", "q.delay.30000ms", "q.dead"]);
        assert_eq!(
            queues[0].arguments,
            [
                ("x-queue-type", text("quorum")),
                ("x-dead-letter-exchange", text("")),
                ("x-dead-letter-routing-key", text("q.removed")),
                ("x-dead-letter-strategy", text("at-least-once")),
                ("x-overflow", text("reject-publish")),
                ("x-delivery-limit", Argument::Number(100)),
            ]
        );
        let older = queues[0].older.as_ref().expect("an earlier release");
        assert_eq!((older[2].clone(), older.len()), (("x-dead-letter-routing-key", text("q.dead")), 6));
        assert_eq!(queues[1].arguments, *older);
        assert_eq!(queues[2].arguments[2], ("x-dead-letter-routing-key", text("q")));
        assert_eq!(queues[2].arguments[5], ("x-message-ttl", Argument::Number(1_000)));
        assert_eq!(queues[5].arguments, [("x-queue-type", text("quorum"))]);
    }

    #[test]
    fn classic_queues_have_no_arguments_of_quorum_queues() {
        let queues = topology("classic").queues();
        let names = |queue: &Queue| queue.arguments.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let common = ["x-queue-type", "x-dead-letter-exchange", "x-dead-letter-routing-key"];
        assert_eq!(names(&queues[0]), common);
        assert_eq!(names(&queues[1]), common);
        assert_eq!(names(&queues[2]), [&common[..], &["x-message-ttl"]].concat());
    }

    #[test]
    fn arguments_of_the_other_type_lose_no_message_either() {
        let (quorum, classic) = (topology("quorum").queues(), topology("classic").queues());
        for (quorum, classic) in quorum.iter().zip(&classic) {
            assert_eq!((&quorum.harmless[0], &classic.harmless[0]), (&classic.arguments, &quorum.arguments));
        }
        let plain = vec![("x-queue-type", Argument::Text("classic".into()))];
        assert_eq!(quorum[0].harmless[1..], [classic[0].older.clone().expect("an earlier release"), plain]);
        assert!(quorum[2].harmless.len() == 1, "a delay queue without a dead-letter exchange returns no message");
    }

    #[test]
    fn advice_is_a_command() {
        let mut topology = topology("quorum");
        topology.queue = "a.b".into();
        let advice = topology.advice("a.b", "/");
        let command = "rabbitmqctl set_policy -p '/' --apply-to queues 'a.b' '^a\\.b$' \
            '{\"dead-letter-exchange\":\"\",\"dead-letter-routing-key\":\"a.b.removed\",\
            \"dead-letter-strategy\":\"at-least-once\",\"delivery-limit\":100,\"overflow\":\"reject-publish\"}'";
        assert!(advice.ends_with(command), "{advice}");
        assert!(
            topology.advice("a.b.dead", "/").ends_with("delete it while it is empty, and the bridge declares it again")
        );
    }
}
