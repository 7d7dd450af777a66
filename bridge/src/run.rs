//! `run`: runs all jobs until the bridge is stopped.

use crate::batches::Batches;
use crate::components::Components;
use crate::job::Job;
use crate::marks::Marks;
use crate::retention::Retention;
use crate::sessions::Sessions;
use crate::settings::RunSettings;
use crate::status::{self, JobStatus, Status};
use crate::token::Tokens;
use crate::trace::{ExportError, Exporter, Tracer};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

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

/// Runs until SIGTERM or SIGINT, then lets messages in progress finish.
pub(crate) async fn run(settings: RunSettings) -> Result<(), RunError> {
    let mut terminated = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    let status = Status::new(&settings.amqp.jobs);
    serve(settings.listen, Arc::clone(&status)).await?;
    let tokens = |http| Tokens::new(settings.credentials.clone(), "bridge", &settings.components_url, http);
    let components = Arc::new(Components::new(&settings.components_url, &settings.amqp.tls, tokens)?);
    let exporter = Exporter::new(settings.traces.as_ref(), &settings.amqp.tls)?;
    let (stop, stopping) = watch::channel(false);
    let mut jobs = JoinSet::new();
    for (job, status) in settings.amqp.jobs.iter().zip(status.jobs()) {
        let (components, tracer) = (Arc::clone(&components), exporter.tracer(&settings, job));
        jobs.spawn(run_job(settings.clone(), job.clone(), components, Arc::clone(status), stopping.clone(), tracer));
    }
    jobs.spawn(Retention::default().repeat(components, stopping));
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
        _ = jobs.join_next() => return Err(RunError::Ended),
    }
    tracing::info!("stopping");
    let stopped_at = Instant::now();
    // All receivers are still there.
    let _ = stop.send(true);
    let finished = tokio::time::timeout(settings.grace, finish(jobs)).await;
    exporter.flush(settings.grace.saturating_sub(stopped_at.elapsed()).min(FLUSH_TIMEOUT)).await;
    finished.unwrap_or_else(|_| {
        tracing::warn!("messages were still in progress after the grace time; RabbitMQ will deliver them again");
        Ok(())
    })
}

/// Serves health and metrics, and prints the address.
async fn serve(listen: SocketAddr, status: Arc<Status>) -> Result<(), RunError> {
    let failed = |cause| RunError::Listen { address: listen, cause };
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    if let Err(cause) = writeln!(std::io::stdout(), "Serving http://{address}") {
        tracing::warn!(%cause, %address, "standard output cannot be written");
    }
    tokio::spawn(axum::serve(listener, status::router(status)).into_future());
    Ok(())
}

/// Waits for all jobs.
async fn finish(mut jobs: JoinSet<()>) -> Result<(), RunError> {
    while let Some(ended) = jobs.join_next().await {
        ended.map_err(|_| RunError::Ended)?;
    }
    Ok(())
}

/// Runs a job until the bridge is stopped and all of its published events are marked.
async fn run_job(
    settings: RunSettings,
    job: Job,
    components: Arc<Components>,
    status: Arc<JobStatus>,
    stopping: watch::Receiver<bool>,
    tracer: Tracer,
) {
    let (marks, unmarked) = Marks::new();
    let marking = unmarked.mark(Arc::clone(&components), job.clone());
    let batches = Arc::new(Batches::new(Arc::clone(&components), job.clone()));
    let sessions = Sessions { settings, job: Arc::new(job), components, batches, status, marks, stopping, tracer };
    tokio::join!(sessions.run(), marking);
}
