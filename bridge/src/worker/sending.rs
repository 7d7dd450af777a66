//! Where a message and its result are sent to.

use super::{Abandoned, Worker};
use crate::event::Event;
use crate::message::{Message, REASON, REMOVED};
use crate::metrics::timed;
use crate::trace::{Fault, Span};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait before a result is published again that no queue is bound for.
const UNROUTABLE_PAUSE: Duration = Duration::from_secs(5);

impl Worker {
    /// Publishes the event of a finished request.
    pub(super) async fn publish(
        &mut self,
        event: Option<Event>,
        request: &Message,
        span: &Span,
    ) -> Result<(), Abandoned> {
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
            self.pause(UNROUTABLE_PAUSE).await?;
        }
    }

    pub(super) async fn delay(&self, message: &Message, after: Duration, attempts: u32) -> Result<(), Abandoned> {
        self.session.delay(message, attempts, after).await?;
        self.status.metrics.delayed.inc();
        Ok(())
    }

    /// Puts a message that has waited for too long back into the queue that it came from, without
    /// counting an attempt. `removed` says why RabbitMQ has removed it from the queue of requests.
    pub(super) async fn put_back(&self, message: &Message, removed: Option<&str>) -> Result<(), Abandoned> {
        tracing::info!(job = self.job.name, "a message has waited for too long and is put back into its queue");
        let mut message = message.clone();
        message.headers.extend(removed.map(|reason| (REMOVED.to_owned(), reason.to_owned())));
        self.delay(&message, Duration::ZERO, 0).await
    }

    pub(super) async fn dead_letter(&self, message: &Message) -> Result<(), Abandoned> {
        self.session.dead_letter(message).await?;
        self.count_dead_letter(message.headers.get(REASON).map_or("", String::as_str));
        Ok(())
    }

    pub(super) fn count_dead_letter(&self, reason: &str) {
        self.status.metrics.dead_lettered.inc();
        tracing::warn!(job = self.job.name, reason, "a message was put into the dead-letter queue");
    }
}
