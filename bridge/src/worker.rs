//! Processes one message, from its delivery to its acknowledgement. The domain decides what happens
//! to the message.

use crate::amqp::{AmqpError, Delivery, MessageFault, Outgoing};
use crate::components::Deliver;
use crate::content_encoding;
use crate::delivery::{Attempt, Delivered, MAX_BODY};
use crate::event::Event;
use crate::job::Job;
use crate::marks::Marks;
use crate::message::{ATTEMPTS, COMPONENT_FAILURES, Message, NOT_ASKED, REASON};
use crate::metrics::timed;
use crate::panics::contained;
use crate::status::JobStatus;
use crate::trace::{Fault, Span, Tracer};
use connectivity_domain::job::settlement::{RetryReason, Settlement, describe, settle};
use humantime::format_duration;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long to wait before a result is published again that no queue is bound for.
const UNROUTABLE_PAUSE: Duration = Duration::from_secs(5);

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
    pub(crate) marks: Marks,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) tracer: Tracer,
}

/// Why a message was abandoned: it stays unacknowledged, so that the broker delivers it again.
enum Abandoned {
    /// The bridge is stopping.
    Stopping,
    /// The session has ended.
    Session(AmqpError),
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
            Err(Abandoned::Stopping) => (Some(Fault::Abandoned), true),
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
        match &delivery.removed {
            None => self.settle(&delivery.message, span).await,
            Some(reason) => self.give_up(&delivery.message, reason, span).await,
        }
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
                    self.pause(after.max(GIVE_UP_PAUSE)).await;
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
        loop {
            if *self.stopping.borrow() {
                return Err(Abandoned::Stopping);
            }
            match self.status.flow_control.acquire(Instant::now()) {
                Ok(()) => break,
                Err(pause) => self.pause(pause).await,
            }
        }
        let metrics = &self.status.metrics;
        let delivering = self.components.deliver(&self.job, &message, attempt, span);
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

    /// Publishes the event of a finished request.
    async fn publish(&mut self, event: Option<Event>, request: &Message, span: &Span) -> Result<(), Abandoned> {
        let Some(event) = event else { return Ok(()) };
        let routing_key = event.routing_key.clone().unwrap_or_default();
        let mut message = event.message(request.properties.correlation_id());
        let sending = span.send(&routing_key);
        message.trace = sending.trace().or(message.trace);
        if let Err(abandoned) = self.publish_until_routed(&routing_key, &message).await {
            sending.set_fault(Some(Fault::NotPublished));
            return Err(abandoned);
        }
        self.status.metrics.published.inc();
        self.marks.add(event.kind, event.id);
        Ok(())
    }

    /// Publishes a result. As long as no queue is bound for it, the request stays unacknowledged.
    async fn publish_until_routed(&mut self, routing_key: &str, message: &Message) -> Result<(), Abandoned> {
        let status = Arc::clone(&self.status);
        loop {
            let published = timed(&status.metrics.publish, self.session.publish_result(routing_key, message)).await;
            status.health.record(&published, Instant::now());
            let error = match published {
                Err(error) if error.is_refusal() => error,
                published => return Ok(published?),
            };
            tracing::error!(job = self.job.name, cause = %error, "a result cannot be published");
            if *self.stopping.borrow() {
                return Err(Abandoned::Stopping);
            }
            self.pause(UNROUTABLE_PAUSE).await;
        }
    }

    async fn delay(&self, message: &Message, after: Duration, attempts: u32) -> Result<(), Abandoned> {
        self.session.delay(message, attempts, after).await?;
        self.status.metrics.delayed.inc();
        Ok(())
    }

    async fn dead_letter(&self, message: &Message) -> Result<(), Abandoned> {
        self.session.dead_letter(message).await?;
        self.count_dead_letter(message.headers.get(REASON).map_or("", String::as_str));
        Ok(())
    }

    fn count_dead_letter(&self, reason: &str) {
        self.status.metrics.dead_lettered.inc();
        tracing::warn!(job = self.job.name, reason, "a message was put into the dead-letter queue");
    }

    /// Waits, or returns early when the bridge stops.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // An error means that the sender is gone, because the bridge stops.
            _ = self.stopping.changed() => {}
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
