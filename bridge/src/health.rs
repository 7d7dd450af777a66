//! What the streams of a job do at present: the facts behind its readiness and its metrics.

use crate::amqp::AmqpError;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the components may be silent before they count as down. The relay asks them once a
/// second.
const COMPONENTS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long publishing may fail without a success in between before it counts as failing.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a failed publish is evidence. A message that cannot be published is published again
/// sooner.
const EVIDENCE: Duration = Duration::from_mins(1);

/// The state of the connections with RabbitMQ, the worst one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rabbitmq {
    /// There is no session.
    Down,
    /// RabbitMQ accepts no publishes: an alarm of its memory or disk. A session that began before goes
    /// on, and a new one waits for the end of the alarm.
    Blocked,
    /// Messages are consumed, and what was published lately was not accepted.
    Failing,
    /// Messages are consumed and can be published.
    Up,
}

impl Rabbitmq {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Blocked => "blocked",
            Self::Failing => "failing",
            Self::Up => "up",
        }
    }
}

/// The state of a job, which its tasks share.
pub(crate) struct Health(Mutex<Facts>);

struct Facts {
    /// The warnings of the session that consumes.
    session: Option<Vec<String>>,
    is_blocked: bool,
    /// When the components answered last. `None` until their first answer: a bridge that was just
    /// started is not ready before it has reached them, so that a rollout waits for that.
    components_answered: Option<Instant>,
    succeeded: Option<Instant>,
    failing: Option<Failing>,
}

/// Publishes that failed since the last success.
#[derive(Clone, Copy)]
struct Failing {
    since: Instant,
    last: Instant,
}

impl Facts {
    /// Gives components that have answered before ten seconds from now: they were not asked until now.
    fn asked_again(&mut self, now: Instant) {
        self.components_answered = self.components_answered.map(|_| now);
    }
}

impl Health {
    pub(crate) fn new() -> Self {
        let facts =
            Facts { session: None, is_blocked: false, components_answered: None, succeeded: None, failing: None };
        Self(Mutex::new(facts))
    }

    /// Records that a session consumes, with warnings for the operator. While there was no session,
    /// the components were not asked.
    pub(crate) fn session_began(&self, warnings: Vec<String>, now: Instant) {
        let mut facts = self.facts();
        (facts.session, facts.is_blocked) = (Some(warnings), false);
        facts.asked_again(now);
        facts.failing = None;
    }

    /// Records whether RabbitMQ blocks publishes.
    pub(crate) fn set_blocked(&self, is_blocked: bool, now: Instant) {
        let mut facts = self.facts();
        let was_blocked = std::mem::replace(&mut facts.is_blocked, is_blocked);
        if was_blocked || is_blocked {
            // The relay does not ask the components while it cannot publish.
            facts.asked_again(now);
        }
    }

    /// Records that no session consumes.
    pub(crate) fn session_ended(&self) {
        let mut facts = self.facts();
        (facts.session, facts.is_blocked) = (None, false);
    }

    /// Returns whether a session consumes.
    pub(crate) fn is_consuming(&self) -> bool {
        self.facts().session.is_some()
    }

    /// Records that the components have answered a request of the bridge.
    pub(crate) fn components_answered(&self, now: Instant) {
        self.facts().components_answered = Some(now);
    }

    /// Records whether RabbitMQ took a message. The loss of the session is no refusal.
    pub(crate) fn record(&self, published: &Result<(), AmqpError>, now: Instant) {
        match published {
            Ok(()) => self.published(true, now),
            Err(error) if error.is_refusal() => self.published(false, now),
            Err(_) => {}
        }
    }

    fn published(&self, accepted: bool, now: Instant) {
        let mut facts = self.facts();
        if accepted {
            (facts.succeeded, facts.failing) = (Some(now), None);
        } else {
            let since = facts.failing.map_or(now, |failing| failing.since);
            facts.failing = Some(Failing { since, last: now });
        }
    }

    pub(crate) fn rabbitmq(&self, now: Instant) -> Rabbitmq {
        let facts = self.facts();
        let is_failing = |failing: Failing| {
            now.duration_since(failing.since) >= PUBLISH_TIMEOUT && now.duration_since(failing.last) < EVIDENCE
        };
        match &facts.session {
            _ if facts.is_blocked => Rabbitmq::Blocked,
            None => Rabbitmq::Down,
            Some(_) if facts.failing.is_some_and(is_failing) => Rabbitmq::Failing,
            Some(_) => Rabbitmq::Up,
        }
    }

    /// Returns false if the components have not answered yet, or not for ten seconds. They are not asked
    /// while there is no session.
    pub(crate) fn are_components_answering(&self, now: Instant) -> bool {
        let facts = self.facts();
        let is_recent = |answered| now.duration_since(answered) < COMPONENTS_TIMEOUT;
        facts.session.is_none() || facts.components_answered.is_some_and(is_recent)
    }

    /// Returns what an operator should know about the queues of the session.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.facts().session.clone().unwrap_or_default()
    }

    /// Returns how long ago RabbitMQ accepted a result, if it accepted one since the bridge has
    /// started.
    pub(crate) fn last_success(&self, now: Instant) -> Option<Duration> {
        self.facts().succeeded.map(|succeeded| now.duration_since(succeeded))
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn session_decides_the_state_of_rabbitmq() {
        let (health, now) = (Health::new(), Instant::now());
        assert_eq!(health.rabbitmq(now), Rabbitmq::Down);
        health.set_blocked(true, now);
        assert_eq!((health.rabbitmq(now), health.is_consuming()), (Rabbitmq::Blocked, false), "an alarm at the start");
        health.session_began(Vec::new(), now);
        assert_eq!(health.rabbitmq(now), Rabbitmq::Up);
        health.set_blocked(true, now);
        assert_eq!(health.rabbitmq(now), Rabbitmq::Blocked);
        health.set_blocked(false, now);
        assert_eq!(health.rabbitmq(now), Rabbitmq::Up);
        health.session_ended();
        assert_eq!(health.rabbitmq(now), Rabbitmq::Down);
    }

    #[test]
    fn publishing_fails_if_nothing_is_accepted_for_ten_seconds() {
        let (health, start) = (Health::new(), Instant::now());
        health.session_began(Vec::new(), start);
        health.published(false, start);
        health.published(false, start + SECOND * 9);
        assert_eq!(health.rabbitmq(start + SECOND * 9), Rabbitmq::Up);
        assert_eq!(health.rabbitmq(start + SECOND * 10), Rabbitmq::Failing);
        health.published(true, start + SECOND * 11);
        assert_eq!(health.rabbitmq(start + SECOND * 11), Rabbitmq::Up);
        assert_eq!(health.last_success(start + SECOND * 12), Some(SECOND));
        health.published(false, start + SECOND * 12);
        assert_eq!(health.rabbitmq(start + SECOND * 22), Rabbitmq::Failing);
        assert_eq!(health.rabbitmq(start + SECOND * 72), Rabbitmq::Up, "nothing was published for a minute");
    }

    #[test]
    fn components_are_down_if_they_are_silent_for_ten_seconds_of_a_session() {
        let (health, start) = (Health::new(), Instant::now());
        let later = start + SECOND * 100;
        assert!(health.are_components_answering(later), "nobody asks them without a session");
        health.session_began(Vec::new(), later);
        assert!(!health.are_components_answering(later), "they have never answered");
        health.components_answered(later);
        assert!(health.are_components_answering(later + SECOND * 9));
        assert!(!health.are_components_answering(later + SECOND * 10));
        health.components_answered(later + SECOND * 10);
        assert!(health.are_components_answering(later + SECOND * 19));
        health.session_ended();
        health.session_began(Vec::new(), later + SECOND * 25);
        assert!(health.are_components_answering(later + SECOND * 25), "they were not asked without a session");
        health.set_blocked(true, later + SECOND * 40);
        assert!(health.are_components_answering(later + SECOND * 40), "the relay does not ask them");
    }
}
