//! The sessions of a job with RabbitMQ, one after the other.

use crate::amqp::{AmqpError, Blocked, Session};
use crate::batches::Batches;
use crate::components::Components;
use crate::job::Job;
use crate::marks::Marks;
use crate::relay::Relay;
use crate::settings::RunSettings;
use crate::status::JobStatus;
use crate::trace::Tracer;
use crate::worker::{MAX_HELD, Worker};
use connectivity_domain::backoff::Backoff;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The pauses between attempts to open a session. An attempt whose answer was lost and the longest
/// pause together leave time to be back within 10 s.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(3) };

/// How often a session is asked whether it is alive, which costs nothing.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How often the broker is asked whether it still answers, and has the exchange and the binding.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// How long the broker may take to answer that. Together they let a dead connection be replaced
/// within 8 s.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How a session ended.
enum End {
    /// The bridge is stopping. All messages in progress are settled.
    Stopped,
    /// RabbitMQ closed a connection, a channel or the consumer, or does not answer.
    Lost,
}

/// What the sessions of a job have in common.
pub(crate) struct Sessions {
    pub(crate) settings: RunSettings,
    pub(crate) job: Arc<Job>,
    pub(crate) components: Arc<Components>,
    pub(crate) batches: Arc<Batches<Components>>,
    pub(crate) status: Arc<JobStatus>,
    pub(crate) marks: Marks,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) tracer: Tracer,
}

impl Sessions {
    /// Opens one session after the other until the bridge is stopped.
    pub(crate) async fn run(mut self) {
        let (mut attempt, mut blocked) = (0, None);
        while !*self.stopping.borrow() {
            let ended = self.session(&mut blocked).await;
            self.status.health.set_blocked(matches!(ended, Err(AmqpError::Blocked)), Instant::now());
            match ended {
                // The connection is kept, so that trying again costs nothing.
                Ok(()) | Err(AmqpError::Blocked) => attempt = 0,
                Err(error) => tracing::warn!(job = self.job.name, cause = %error, "no session with RabbitMQ"),
            }
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
    async fn session(&self, blocked: &mut Option<Blocked>) -> Result<(), AmqpError> {
        let session = Arc::new(Session::open_with(&self.settings.amqp, &self.job, blocked).await?);
        let ended = self.process(&session).await;
        match ended {
            Ok(End::Stopped) => session.close().await,
            Ok(End::Lost) | Err(_) => *blocked = session.end(),
        }
        ended.map(|_| ())
    }

    /// Processes messages until the bridge is stopped or the session is lost.
    async fn process(&self, session: &Arc<Session>) -> Result<End, AmqpError> {
        let advice = session.advice(&session.declare().await?);
        for advice in &advice {
            tracing::warn!(job = self.job.name, "{advice}");
        }
        let deliveries = session.consume(self.settings.prefetch).await?;
        tracing::info!(job = self.job.name, "consuming");
        self.status.metrics.sessions.inc();
        self.status.health.session_began(advice, Instant::now());
        // It is aborted when this is dropped.
        let mut relaying = JoinSet::new();
        relaying.spawn(self.relay(session).run());
        let (halt, halted) = watch::channel(false);
        let (broken, mut is_broken) = watch::channel(false);
        let worker = self.worker(session, halted.clone());
        let mut work = tokio::spawn(deliveries.take_until(Box::pin(is_set(halted))).for_each_concurrent(
            self.settings.concurrency,
            move |delivery| {
                let worker = Worker { held_until: Instant::now() + MAX_HELD, ..worker.clone() };
                let broken = broken.clone();
                async move {
                    if !Box::pin(worker.process(delivery)).await {
                        // The receiver is gone once the session has ended.
                        let _ = broken.send(true);
                    }
                }
            },
        ));
        let end = tokio::select! {
            () = is_set(self.stopping.clone()) => End::Stopped,
            // The broker has cancelled the consumer.
            _ = &mut work => End::Lost,
            _ = is_broken.wait_for(|broken| *broken) => End::Lost,
            error = self.watch(session) => {
                tracing::warn!(job = self.job.name, cause = %error, "the session with RabbitMQ was lost");
                End::Lost
            }
        };
        self.status.health.session_ended();
        halt.send_replace(true);
        drop(relaying);
        if let End::Stopped = end {
            // An error does not matter: closing the connection ends the consumer as well.
            let _ = tokio::join!(session.stop_consuming(), work);
        }
        // The messages in progress of a lost session run out in the background: the components
        // finish what they have begun, and the results are published when the messages return.
        Ok(end)
    }

    /// Reports whether RabbitMQ blocks the session, and returns when the session is lost.
    async fn watch(&self, session: &Session) -> AmqpError {
        let mut checked = Instant::now();
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            if !session.is_alive() {
                return AmqpError::Closed;
            }
            self.status.health.set_blocked(session.is_blocked(), Instant::now());
            if checked.elapsed() < CHECK_INTERVAL {
                continue;
            }
            if let Err(error) = session.check(CHECK_TIMEOUT).await {
                return error;
            }
            checked = Instant::now();
        }
    }

    fn worker(&self, session: &Arc<Session>, stopping: watch::Receiver<bool>) -> Worker {
        Worker {
            job: Arc::clone(&self.job),
            session: Arc::<Session>::clone(session),
            components: Arc::<Batches<Components>>::clone(&self.batches),
            status: Arc::clone(&self.status),
            give_up_after: self.settings.give_up_after,
            held_until: Instant::now(),
            marks: self.marks.clone(),
            stopping,
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

/// Returns when the value is true, or when its sender is gone.
async fn is_set(mut signal: watch::Receiver<bool>) {
    let _ = signal.wait_for(|is_set| *is_set).await;
}
