//! The sessions of a job with RabbitMQ, one after the other.

use crate::amqp::{AmqpError, Session};
use crate::components::Components;
use crate::job::Job;
use crate::marks::Marks;
use crate::relay::Relay;
use crate::settings::RunSettings;
use crate::status::JobStatus;
use crate::trace::Tracer;
use crate::worker::Worker;
use connectivity_domain::backoff::Backoff;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The pauses between attempts to open a session.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(10) };

/// What the sessions of a job have in common.
pub(crate) struct Sessions {
    pub(crate) settings: RunSettings,
    pub(crate) job: Arc<Job>,
    pub(crate) components: Arc<Components>,
    pub(crate) status: Arc<JobStatus>,
    pub(crate) marks: Marks,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) tracer: Tracer,
}

impl Sessions {
    /// Opens one session after the other until the bridge is stopped.
    pub(crate) async fn run(mut self) {
        let mut attempt = 0;
        while !*self.stopping.borrow() {
            match self.session().await {
                Ok(()) => attempt = 0,
                Err(error) => tracing::warn!(job = self.job.name, cause = %error, "no session with RabbitMQ"),
            }
            self.status.set_consuming(false);
            attempt += 1;
            let random = uuid::Uuid::new_v4().as_u64_pair().1;
            tokio::select! {
                () = tokio::time::sleep(BACKOFF.delay(attempt, random, None)) => {}
                _ = self.stopping.changed() => {}
            }
        }
    }

    /// Opens a session and processes messages until it ends. Returns an error if it could not be
    /// opened.
    async fn session(&self) -> Result<(), AmqpError> {
        let session = Arc::new(Session::open(&self.settings.amqp, &self.job).await?);
        session.declare().await?;
        let deliveries = session.consume(self.settings.prefetch).await?;
        tracing::info!(job = self.job.name, "consuming");
        self.status.metrics.sessions.inc();
        self.status.set_consuming(true);
        let relaying = tokio::spawn(self.relay(&session).run());
        let worker = self.worker(&session);
        let (broken, mut is_broken) = watch::channel(false);
        let mut stopping = self.stopping.clone();
        let end = async {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => {}
                _ = is_broken.wait_for(|broken| *broken) => {}
            }
        };
        let work = deliveries.take_until(Box::pin(end)).for_each_concurrent(self.settings.concurrency, |delivery| {
            let (worker, broken) = (worker.clone(), broken.clone());
            async move {
                if !worker.process(delivery).await {
                    // The receiver is gone once the session has ended.
                    let _ = broken.send(true);
                }
            }
        });
        work.await;
        self.status.set_consuming(false);
        relaying.abort();
        if session.is_alive() {
            // An error does not matter: closing the connection ends the consumer as well.
            let _ = session.stop_consuming().await;
        }
        session.close().await;
        Ok(())
    }

    fn worker(&self, session: &Arc<Session>) -> Worker {
        Worker {
            job: Arc::clone(&self.job),
            session: Arc::<Session>::clone(session),
            components: Arc::<Components>::clone(&self.components),
            status: Arc::clone(&self.status),
            max_attempts: self.settings.max_attempts,
            marks: self.marks.clone(),
            stopping: self.stopping.clone(),
            tracer: self.tracer.clone(),
        }
    }

    fn relay(&self, session: &Arc<Session>) -> Relay {
        Relay {
            job: Arc::clone(&self.job),
            session: Arc::clone(session),
            components: Arc::clone(&self.components),
            status: Arc::clone(&self.status),
            marks: self.marks.clone(),
            tracer: self.tracer.clone(),
        }
    }
}
