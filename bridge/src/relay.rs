//! Publishes the events of a job's outbox: those that were committed and not published by the
//! worker of their message.

use crate::amqp::{Outgoing, Session};
use crate::components::{Components, Leased};
use crate::event::{Event, EventKind};
use crate::job::Job;
use crate::marks::Marks;
use crate::metrics::timed;
use crate::panics::contained;
use crate::status::JobStatus;
use crate::trace::{Fault, Tracer};
use connectivity_domain::job::settlement::describe;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The pause between two looks at an empty outbox.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often the components are asked how long records have been waiting, which costs them a query.
const AGES_INTERVAL: Duration = Duration::from_secs(15);

/// How many events are leased in one call.
const BATCH: usize = 100;

/// How many events are published at the same time.
const CONCURRENCY: usize = 32;

/// What publishing the events needs.
pub(crate) struct Relay {
    pub(crate) job: Arc<Job>,
    pub(crate) session: Arc<Session>,
    pub(crate) components: Arc<Components>,
    pub(crate) status: Arc<JobStatus>,
    pub(crate) marks: Marks,
    pub(crate) tracer: Tracer,
}

impl Relay {
    /// Publishes events until the task is aborted.
    pub(crate) async fn run(self) {
        let mut ages_due = Instant::now();
        loop {
            let mut with_ages = Instant::now() >= ages_due;
            if with_ages {
                ages_due = Instant::now() + AGES_INTERVAL;
            }
            while contained(self.publish_batch(std::mem::take(&mut with_ages))).await.unwrap_or(false) {}
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Publishes one batch of events. Returns whether there may be more that can be published now.
    async fn publish_batch(&self, with_ages: bool) -> bool {
        if self.session.is_blocked() {
            return false;
        }
        let Leased { events, oldest_pending_seconds, oldest_unpublished_seconds } =
            match self.components.lease(&self.job, BATCH, with_ages).await {
                Ok(leased) => leased,
                Err(reply) => {
                    tracing::debug!(job = self.job.name, cause = describe(&reply), "the outbox could not be read");
                    return false;
                }
            };
        self.status.health.components_answered(Instant::now());
        if with_ages {
            self.status.metrics.oldest_pending.set(oldest_pending_seconds.unwrap_or_default());
            self.status.metrics.oldest_unpublished.set(oldest_unpublished_seconds.unwrap_or_default());
        }
        let leased = events.len();
        let published =
            futures_util::stream::iter(events).map(|event| self.publish(event)).buffer_unordered(CONCURRENCY);
        let all_published = published.fold(true, async |all, published| all && published).await;
        leased == BATCH && all_published
    }

    /// Publishes an event. One that cannot be published is leased again later.
    async fn publish(&self, event: Event) -> bool {
        let mut message = event.message(None);
        let result_key = event.routing_key.as_ref().filter(|_| event.kind == EventKind::Result);
        let metrics = &self.status.metrics;
        let span = self.tracer.send(result_key.unwrap_or(&self.job.routing_key), message.trace.as_ref());
        message.trace = span.trace().or(message.trace);
        let publishing = async {
            match result_key {
                Some(routing_key) => self.session.publish_result(routing_key, &message).await,
                None => self.session.publish_request(&message).await,
            }
        };
        let published = timed(&metrics.publish, publishing).await;
        self.status.health.record(&published, Instant::now());
        if let Err(error) = published {
            span.set_fault(Some(Fault::NotPublished));
            tracing::warn!(job = self.job.name, cause = %error, "an event of the outbox was not published");
            return false;
        }
        metrics.relayed.inc();
        self.marks.add(event.kind, event.id);
        true
    }
}
