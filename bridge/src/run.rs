//! `run`: one session with RabbitMQ after the other, until the bridge is told to stop.

use crate::amqp::{AmqpError, Session};
use crate::components::{Components, EventKind};
use crate::relay;
use crate::settings::RunSettings;
use crate::status::{self, Counters, Status};
use crate::token::Tokens;
use crate::trace::{ExportError, Tracer};
use crate::worker::Worker;
use connectivity_domain::backoff::Backoff;
use futures_util::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// The pauses between attempts to get a session.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(10) };

/// How long the last spans may take to get to a collector that is slow or away.
const FLUSH: Duration = Duration::from_secs(3);

/// Why the bridge cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The port is taken, say.
    #[error("BRIDGE_LISTEN: {address} cannot be listened on ({cause}): free it, or set another one")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// The signals cannot be heard.
    #[error("signals: {0}")]
    Signals(std::io::Error),
    /// A fault of this program.
    #[error("the bridge ended though nobody asked it to: see the log")]
    Ended,
    /// The HTTP client cannot be made.
    #[error("HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// Traces are wanted, and cannot be exported.
    #[error("traces: {0}")]
    Traces(#[from] ExportError),
}

/// What lasts from session to session.
struct Bridge {
    settings: RunSettings,
    components: Arc<Components>,
    status: Arc<Status>,
    published: mpsc::UnboundedSender<(EventKind, String)>,
    stopping: watch::Receiver<bool>,
    tracer: Tracer,
}

/// Runs until SIGTERM or SIGINT, then lets what is in work finish.
pub(crate) async fn run(settings: RunSettings) -> Result<(), RunError> {
    let mut terminated = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    let wanted = settings.listen;
    let unavailable = |cause| RunError::Listen { address: wanted, cause };
    let listener = tokio::net::TcpListener::bind(settings.listen).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    println!("Serving http://{address}");
    let status = Status::new();
    tokio::spawn(axum::serve(listener, status::router(Arc::clone(&status))).into_future());
    let tokens = |http| Tokens::new(settings.credentials.clone(), "bridge", &settings.components_url, http);
    let components = Arc::new(Components::new(&settings.components_url, tokens)?);
    let tracer = Tracer::of(&settings)?;
    let (published, to_mark) = mpsc::unbounded_channel();
    let marking = tokio::spawn(relay::mark(Arc::clone(&components), to_mark));
    let (stop, stopping) = watch::channel(false);
    let grace = settings.grace;
    let bridge = Bridge { settings, components, status, published, stopping, tracer: tracer.clone() };
    let mut sessions = tokio::spawn(bridge.sessions());
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
        _ = &mut sessions => return Err(RunError::Ended),
    }
    tracing::info!("stopping");
    // Everybody who listens is still there.
    let _ = stop.send(true);
    let orderly = async {
        sessions.await?;
        marking.await
    };
    let told = Instant::now();
    let ended = tokio::time::timeout(grace, orderly).await;
    tracer.flush(grace.saturating_sub(told.elapsed()).min(FLUSH)).await;
    let Ok(ended) = ended else {
        tracing::warn!("messages were still in work after the grace time: they will be delivered again");
        return Ok(());
    };
    ended.map_err(|_| RunError::Ended)
}

impl Bridge {
    async fn sessions(mut self) {
        let mut attempt = 0;
        while !*self.stopping.borrow() {
            match self.session().await {
                Ok(()) => attempt = 0,
                Err(error) => tracing::warn!(cause = %error, "no session with RabbitMQ"),
            }
            self.status.consuming.store(false, Ordering::Relaxed);
            attempt += 1;
            let random = uuid::Uuid::new_v4().as_u64_pair().1;
            tokio::select! {
                () = tokio::time::sleep(BACKOFF.delay(attempt, random, None)) => {}
                _ = self.stopping.changed() => {}
            }
        }
    }

    /// One session, to its end. An error says why there was none.
    async fn session(&self) -> Result<(), AmqpError> {
        let session = Arc::new(Session::open(&self.settings.amqp).await?);
        session.declare().await?;
        let deliveries = session.consume(self.settings.prefetch).await?;
        tracing::info!("consuming");
        Counters::count(&self.status.counters.sessions);
        self.status.consuming.store(true, Ordering::Relaxed);
        let worker = Worker {
            session: Arc::clone(&session),
            components: Arc::clone(&self.components),
            status: Arc::clone(&self.status),
            max_attempts: self.settings.max_attempts,
            published: self.published.clone(),
            stopping: self.stopping.clone(),
            tracer: self.tracer.clone(),
        };
        let relaying = tokio::spawn(relay::relay(
            Arc::clone(&session),
            Arc::clone(&self.components),
            Arc::clone(&self.status),
            self.published.clone(),
            self.tracer.clone(),
        ));
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
                if !worker.work(delivery).await {
                    // Nobody listens once the session has ended.
                    let _ = broken.send(true);
                }
            }
        });
        work.await;
        self.status.consuming.store(false, Ordering::Relaxed);
        relaying.abort();
        if session.is_alive() {
            // Only politeness: closing the connection says the same.
            let _ = session.stop_consuming().await;
        }
        session.close().await;
        Ok(())
    }
}
