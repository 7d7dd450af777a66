//! `run`: one session with RabbitMQ after the other, until the bridge is stopped.

use crate::amqp::{AmqpError, Session};
use crate::components::Components;
use crate::marks::Marks;
use crate::relay::Relay;
use crate::settings::RunSettings;
use crate::status::{self, Status};
use crate::token::Tokens;
use crate::trace::{ExportError, Tracer};
use crate::worker::Worker;
use connectivity_domain::backoff::Backoff;
use futures_util::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The pauses between attempts to open a session.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(10) };

/// How long the export of the last spans may take at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Why the bridge cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot listen on {address} ({cause}): free the port, or set BRIDGE_LISTEN to another address")]
    Listen { address: SocketAddr, cause: std::io::Error },
    #[error("cannot handle signals: {0}")]
    Signals(std::io::Error),
    /// A bug: the bridge only ends when it is stopped.
    #[error("the bridge ended unexpectedly: see the log")]
    Ended,
    #[error("cannot make the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error("cannot export traces: {0}")]
    Traces(#[from] ExportError),
}

/// What is shared by all sessions.
struct Bridge {
    settings: RunSettings,
    components: Arc<Components>,
    status: Arc<Status>,
    marks: Marks,
    stopping: watch::Receiver<bool>,
    tracer: Tracer,
}

/// Runs until SIGTERM or SIGINT, then lets messages in progress finish.
pub(crate) async fn run(settings: RunSettings) -> Result<(), RunError> {
    let mut terminated = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    let status = Status::new();
    serve(settings.listen, Arc::clone(&status)).await?;
    let tokens = |http| Tokens::new(settings.credentials.clone(), "bridge", &settings.components_url, http);
    let components = Arc::new(Components::new(&settings.components_url, tokens)?);
    let tracer = Tracer::new(&settings)?;
    let (marks, unmarked) = Marks::new();
    let marking = tokio::spawn(unmarked.mark(Arc::clone(&components)));
    let (stop, stopping) = watch::channel(false);
    let grace = settings.grace;
    let bridge = Bridge { settings, components, status, marks, stopping, tracer: tracer.clone() };
    let mut sessions = tokio::spawn(bridge.sessions());
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
        _ = &mut sessions => return Err(RunError::Ended),
    }
    tracing::info!("stopping");
    let stopped_at = Instant::now();
    // All receivers are still there.
    let _ = stop.send(true);
    let finish = async {
        sessions.await?;
        marking.await
    };
    let finished = tokio::time::timeout(grace, finish).await;
    tracer.flush(grace.saturating_sub(stopped_at.elapsed()).min(FLUSH_TIMEOUT)).await;
    let Ok(finished) = finished else {
        tracing::warn!("messages were still in progress after the grace time; RabbitMQ will deliver them again");
        return Ok(());
    };
    finished.map_err(|_| RunError::Ended)
}

/// Serves health and metrics, and prints the address.
async fn serve(listen: SocketAddr, status: Arc<Status>) -> Result<(), RunError> {
    let failed = |cause| RunError::Listen { address: listen, cause };
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    println!("Serving http://{address}");
    tokio::spawn(axum::serve(listener, status::router(status)).into_future());
    Ok(())
}

impl Bridge {
    async fn sessions(mut self) {
        let mut attempt = 0;
        while !*self.stopping.borrow() {
            match self.session().await {
                Ok(()) => attempt = 0,
                Err(error) => tracing::warn!(cause = %error, "no session with RabbitMQ"),
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

    /// Opens a session and processes messages until it ends. Returns an error if it could not be opened.
    async fn session(&self) -> Result<(), AmqpError> {
        let session = Arc::new(Session::open(&self.settings.amqp).await?);
        session.declare().await?;
        let deliveries = session.consume(self.settings.prefetch).await?;
        tracing::info!("consuming");
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
            session: Arc::clone(session),
            components: Arc::clone(&self.components),
            status: Arc::clone(&self.status),
            max_attempts: self.settings.max_attempts,
            marks: self.marks.clone(),
            stopping: self.stopping.clone(),
            tracer: self.tracer.clone(),
        }
    }

    fn relay(&self, session: &Arc<Session>) -> Relay {
        Relay {
            session: Arc::clone(session),
            components: Arc::clone(&self.components),
            status: Arc::clone(&self.status),
            marks: self.marks.clone(),
            tracer: self.tracer.clone(),
        }
    }
}
