//! Processes one message, from its delivery to its acknowledgement. The domain decides what happens to the message.

use crate::amqp::{AmqpError, Delivery, Session};
use crate::components::Components;
use crate::event::Event;
use crate::marks::Marks;
use crate::message::{ATTEMPTS, COMPONENT_FAILURES, Message, Request};
use crate::metrics::timed;
use crate::status::Status;
use crate::trace::{Fault, Span, Tracer};
use connectivity_domain::job::settlement::{Reply, RetryReason, Settlement, describe, settle};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long to wait before a result is published again that no queue is bound for.
const UNROUTABLE_PAUSE: Duration = Duration::from_secs(5);

/// What processing a message needs.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) session: Arc<Session>,
    pub(crate) components: Arc<Components>,
    pub(crate) status: Arc<Status>,
    pub(crate) max_attempts: u32,
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
    pub(crate) async fn process(mut self, mut delivery: Delivery) -> bool {
        let status = Arc::clone(&self.status);
        let metrics = &status.metrics;
        metrics.received.inc();
        let span = self.tracer.process(&mut delivery.message);
        let (fault, session_is_alive) = match timed(&metrics.processing, self.settle(&delivery.message, &span)).await {
            Ok(fault) => {
                let acknowledged = delivery.acknowledge().await;
                if acknowledged {
                    metrics.acknowledged.inc();
                }
                (if acknowledged { fault } else { Some(Fault::Abandoned) }, acknowledged)
            }
            Err(Abandoned::Stopping) => (Some(Fault::Abandoned), true),
            Err(Abandoned::Session(error)) => {
                tracing::warn!(cause = %error, "a message was abandoned; RabbitMQ will deliver it again");
                (Some(Fault::Abandoned), false)
            }
        };
        span.set_fault(fault);
        session_is_alive
    }

    /// Does everything that has to be done before the message is acknowledged. Returns what was wrong with the message.
    async fn settle(&mut self, message: &Message, span: &Span) -> Result<Option<Fault>, Abandoned> {
        let request = match message.request() {
            Ok(request) => request,
            Err(error) => {
                self.dead_letter(message, &error.to_string(), false).await?;
                return Ok(Some(Fault::InvalidRequest));
            }
        };
        let last = message.number(ATTEMPTS) + 1 >= self.max_attempts;
        let (reply, event, settlement) = loop {
            let (reply, event) = self.deliver(message, &request, last, span).await?;
            let settlement = settle(&reply, message.number(COMPONENT_FAILURES));
            // While all deliveries are paused, the message waits here and not in a delay queue.
            if self.status.flow_control.is_open() || !is_component_failure(&settlement) {
                break (reply, event, settlement);
            }
        };
        match settlement {
            Settlement::Done => self.publish(event, span).await?,
            Settlement::DoneWithoutVerdict => {
                self.publish(event, span).await?;
                let reason = format!("the registry gave no verdict in {} attempts", message.number(ATTEMPTS) + 1);
                self.dead_letter(message, &reason, true).await?;
            }
            Settlement::DeadLetter(reason) => self.dead_letter(message, &reason, false).await?,
            Settlement::Retry { after, reason } => {
                let error = describe(&reply);
                let (next, attempts) = match reason {
                    RetryReason::NoVerdict => (message.after(ATTEMPTS, &error), message.number(ATTEMPTS)),
                    RetryReason::ComponentsUnavailable => (message.after(COMPONENT_FAILURES, &error), 0),
                    RetryReason::InProgress => (message.clone(), 0),
                };
                self.delay(&next, after, attempts).await?;
            }
        }
        // A message that waits because another delivery of it is in progress has not failed.
        Ok(Fault::from_reply(&reply).filter(|fault| *fault != Fault::InProgress))
    }

    /// Delivers a request to the components as soon as the flow control allows it.
    async fn deliver(
        &mut self,
        message: &Message,
        request: &Request,
        last: bool,
        span: &Span,
    ) -> Result<(Reply, Option<Event>), Abandoned> {
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
        let (reply, event) = timed(&metrics.delivery, self.components.deliver(message, request, last, span)).await;
        let failed = is_component_failure(&settle(&reply, 0));
        if failed {
            metrics.component_failures.inc();
            tracing::warn!(cause = describe(&reply), "the components could not process a message");
        }
        self.status.flow_control.record(failed, Instant::now());
        Ok((reply, event))
    }

    async fn publish(&mut self, event: Option<Event>, span: &Span) -> Result<(), Abandoned> {
        let Some(event) = event else { return Ok(()) };
        let routing_key = event.routing_key.clone().unwrap_or_default();
        let mut message = event.message();
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
            let published = timed(&status.metrics.publish, self.session.publish(routing_key, message)).await;
            let Err(error @ AmqpError::Unroutable { .. }) = published else { return Ok(published?) };
            tracing::error!(cause = %error, "a result cannot be published: bind a queue for it");
            if *self.stopping.borrow() {
                return Err(Abandoned::Stopping);
            }
            self.pause(UNROUTABLE_PAUSE).await;
        }
    }

    async fn delay(&self, message: &Message, after: Duration, attempts: u32) -> Result<(), Abandoned> {
        let delay = self.session.topology().delay(attempts).max(after);
        self.session.delay(message, delay).await?;
        self.status.metrics.delayed.inc();
        Ok(())
    }

    async fn dead_letter(&self, message: &Message, reason: &str, ended: bool) -> Result<(), Abandoned> {
        self.session.dead_letter(&message.dead(reason, ended)).await?;
        self.status.metrics.dead_lettered.inc();
        tracing::warn!(reason, "a message was put into the dead-letter queue");
        Ok(())
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
