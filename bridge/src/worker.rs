//! Processes one message, from its delivery to its acknowledgement. The domain decides what happens
//! to the message.

mod sending;

use crate::amqp::{AmqpError, Delivery, MessageFault, Outgoing};
use crate::components::Deliver;
use crate::content_encoding;
use crate::delivery::{Attempt, Delivered, MAX_BODY};
use crate::job::Job;
use crate::marks::Marks;
use crate::message::{ATTEMPTS, COMPONENT_FAILURES, Message, NOT_ASKED};
use crate::metrics::timed;
use crate::panics::contained;
use crate::status::JobStatus;
use crate::trace::{Fault, Span, Tracer};
use connectivity_domain::job::settlement::{RetryReason, Settlement, describe, settle};
use humantime::format_duration;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a message may wait unacknowledged before it is put back into a queue. RabbitMQ closes the
/// channel of a consumer that holds one for 30 minutes (`consumer_timeout`). With the default
/// settings two messages share a place, so that one is held for twice this time at most.
pub(crate) const MAX_HELD: Duration = Duration::from_mins(5);

/// Why RabbitMQ has removed a message that the bridge has rejected.
const REJECTED: &str = "rejected";

/// How long to wait before a removed request is given up, if that is not possible now.
const GIVE_UP_PAUSE: Duration = Duration::from_secs(1);

/// What processing a message of a job needs.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) job: Arc<Job>,
    pub(crate) session: Arc<dyn Outgoing>,
    pub(crate) components: Arc<dyn Deliver>,
    pub(crate) status: Arc<JobStatus>,
    pub(crate) give_up_after: Duration,
    /// When a message that still waits is put back.
    pub(crate) held_until: Instant,
    pub(crate) marks: Marks,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) tracer: Tracer,
}

/// Why a message was not settled. Unless it was [`Abandoned::Held`], it stays unacknowledged, so that
/// the broker delivers it again.
enum Abandoned {
    /// The bridge is stopping.
    Stopping,
    /// The session has ended.
    Session(AmqpError),
    /// It has waited for so long that it has to be put back into a queue.
    Held,
}

impl From<AmqpError> for Abandoned {
    fn from(error: AmqpError) -> Self {
        Self::Session(error)
    }
}

impl Worker {
    /// Processes a message. Returns false if the session has ended.
    pub(crate) async fn process(self, delivery: Delivery) -> bool {
        // After a panic that is not the message's own it stays unacknowledged until the session ends.
        contained(self.process_delivery(delivery)).await.unwrap_or(true)
    }

    async fn process_delivery(mut self, mut delivery: Delivery) -> bool {
        let status = Arc::clone(&self.status);
        let metrics = &status.metrics;
        metrics.received.inc();
        let span = self.tracer.process(&mut delivery.message);
        let settled = timed(&metrics.processing, self.settle_or_dead_letter(&delivery, &span)).await;
        let (fault, session_is_alive) = match settled {
            Ok(fault) => {
                let acknowledged =
                    if is_rejected(&delivery) { delivery.reject().await } else { delivery.acknowledge().await };
                if acknowledged {
                    metrics.acknowledged.inc();
                }
                (if acknowledged { fault } else { Some(Fault::Abandoned) }, acknowledged)
            }
            Err(Abandoned::Stopping | Abandoned::Held) => (Some(Fault::Abandoned), true),
            Err(Abandoned::Session(error)) => {
                tracing::warn!(job = self.job.name, cause = %error, "a message was abandoned; RabbitMQ will deliver it again");
                (Some(Fault::Abandoned), false)
            }
        };
        span.set_fault(fault);
        session_is_alive
    }

    /// Does everything that has to be done before the message is acknowledged or rejected. Returns
    /// what was wrong with the message.
    async fn settle_or_dead_letter(&mut self, delivery: &Delivery, span: &Span) -> Result<Option<Fault>, Abandoned> {
        let message = &delivery.message;
        let reason = match &delivery.fault {
            None => match contained(self.settle_readable(delivery, span)).await {
                Ok(settled) => return settled,
                Err(panicked) => panicked.to_string(),
            },
            Some(_) if is_rejected(delivery) => {
                // One that the bridge has rejected before is on its way to the dead letters already.
                if delivery.removed.as_deref() != Some(REJECTED) {
                    self.count_dead_letter(&too_long());
                }
                return Ok(Some(Fault::Refused));
            }
            Some(MessageFault::TooLong { length, .. }) => {
                format!("{}: it had {} MiB, which are not kept", too_long(), length >> 20)
            }
            Some(MessageFault::Unreadable(fault)) => format!("the message is not valid AMQP: {fault}"),
        };
        self.dead_letter(&message.dead(&reason, None, false)).await?;
        Ok(Some(Fault::Refused))
    }

    /// Settles a message that can be read. Returns what was wrong with it.
    async fn settle_readable(&mut self, delivery: &Delivery, span: &Span) -> Result<Option<Fault>, Abandoned> {
        let Delivery { message, removed, .. } = delivery;
        let settled = match removed {
            None => self.settle(message, span).await,
            Some(reason) => self.give_up(message, reason, span).await,
        };
        let Err(Abandoned::Held) = settled else { return settled };
        self.put_back(message, removed.as_deref()).await?;
        Ok(Some(Fault::Abandoned))
    }

    /// Processes a request of the queue.
    async fn settle(&mut self, message: &Message, span: &Span) -> Result<Option<Fault>, Abandoned> {
        if message.body.len() > MAX_BODY {
            self.dead_letter(&message.dead(&too_long(), None, false)).await?;
            return Ok(Some(Fault::Refused));
        }
        let number = message.number(ATTEMPTS).saturating_add(1);
        let attempt = Attempt { number, give_up_after: self.give_up_after, is_removed: false };
        let (Delivered { reply, event, request_id }, settlement) = loop {
            let delivered = self.deliver(message, attempt, span).await?;
            let settlement = settle(&delivered.reply, message.number(COMPONENT_FAILURES));
            // While all deliveries are paused, the message waits here and not in a delay queue.
            if self.status.flow_control.is_open() || !is_component_failure(&settlement) {
                break (delivered, settlement);
            }
        };
        let request_id = request_id.as_deref();
        match settlement {
            Settlement::Done => self.publish(event, message, span).await?,
            Settlement::DoneWithoutVerdict => {
                self.publish(event, message, span).await?;
                let reason = format!(
                    "the registry gave no verdict within {} (attempts: {number})",
                    format_duration(self.give_up_after)
                );
                self.dead_letter(&message.dead(&reason, request_id, true)).await?;
            }
            Settlement::DeadLetter(reason) => self.dead_letter(&message.dead(&reason, request_id, false)).await?,
            Settlement::Retry { after, reason } => {
                let error = describe(&reply);
                let (next, attempts) = match reason {
                    RetryReason::NoVerdict => (message.after(ATTEMPTS, &error), message.rounds()),
                    RetryReason::ComponentsUnavailable => (message.after(COMPONENT_FAILURES, &error), 0),
                    RetryReason::NotAsked => (message.after(NOT_ASKED, &error), message.rounds()),
                    RetryReason::InProgress => (message.clone(), 0),
                };
                self.delay(&next, after, attempts).await?;
            }
        }
        // A message that waits because another delivery of it is in progress has not failed.
        Ok(Fault::from_reply(&reply).filter(|fault| *fault != Fault::InProgress))
    }

    /// Gives up a request that RabbitMQ has removed from its queue: its failure is published, and the
    /// message is dead-lettered.
    async fn give_up(&mut self, message: &Message, why: &str, span: &Span) -> Result<Option<Fault>, Abandoned> {
        let number = message.number(ATTEMPTS).saturating_add(1);
        let attempt = Attempt { number, give_up_after: self.give_up_after, is_removed: true };
        let reason = format!("RabbitMQ removed the message from its queue: {why}");
        loop {
            let Delivered { reply, event, request_id } = self.deliver(message, attempt, span).await?;
            let (reason, has_ended) = match settle(&reply, 0) {
                Settlement::Done => (reason.clone(), false),
                Settlement::DoneWithoutVerdict => (reason.clone(), true),
                Settlement::DeadLetter(fault) => (format!("{reason}; {fault}"), false),
                // It must not return to the queue that it was removed from.
                Settlement::Retry { after, .. } => {
                    self.pause(after.max(GIVE_UP_PAUSE)).await?;
                    continue;
                }
            };
            self.publish(event, message, span).await?;
            self.dead_letter(&message.dead(&reason, request_id.as_deref(), has_ended)).await?;
            return Ok(Some(Fault::Refused));
        }
    }

    /// Delivers a message to the components as soon as the flow control allows it. One that cannot be
    /// decompressed is refused here.
    async fn deliver(&mut self, message: &Message, attempt: Attempt, span: &Span) -> Result<Delivered, Abandoned> {
        let message = match content_encoding::decoded(message) {
            Ok(message) => message,
            Err(error) => return Ok(Delivered::refused(error.to_string())),
        };
        let status = Arc::clone(&self.status);
        loop {
            if *self.stopping.borrow() {
                return Err(Abandoned::Stopping);
            }
            let resumed = status.flow_control.resumed();
            match status.flow_control.acquire(Instant::now()) {
                Ok(()) => break,
                Err(pause) => tokio::select! {
                    paused = self.pause(pause) => paused?,
                    () = resumed => {}
                },
            }
        }
        let metrics = &self.status.metrics;
        let delivering = self.components.deliver(&message, attempt, span);
        let delivered = timed(&metrics.delivery, delivering).await;
        let failed = is_component_failure(&settle(&delivered.reply, 0));
        if failed {
            metrics.component_failures.inc();
            let cause = describe(&delivered.reply);
            tracing::warn!(job = self.job.name, cause, "the components could not process a message");
        }
        self.status.flow_control.record(failed, Instant::now());
        if !failed {
            self.status.health.components_answered(Instant::now());
        }
        Ok(delivered)
    }

    /// Waits, if the message may be held for so long and the bridge does not stop.
    async fn pause(&mut self, pause: Duration) -> Result<(), Abandoned> {
        if Instant::now() + pause > self.held_until {
            return Err(Abandoned::Held);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            // An error means that the sender is gone, because the bridge stops.
            _ = self.stopping.changed() => Err(Abandoned::Stopping),
        }
    }
}

fn is_component_failure(settlement: &Settlement) -> bool {
    matches!(settlement, Settlement::Retry { reason: RetryReason::ComponentsUnavailable, .. })
}

/// The reason of a message that is too long.
fn too_long() -> String {
    format!("the message is longer than {} MiB", MAX_BODY >> 20)
}

/// Returns whether RabbitMQ moves the message to the dead-letter queue, with its whole body.
fn is_rejected(delivery: &Delivery) -> bool {
    matches!(delivery.fault, Some(MessageFault::TooLong { is_movable: true, .. }))
}

#[cfg(test)]
mod tests;
