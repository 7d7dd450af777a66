//! The state of the bridge, and its HTTP endpoints: health and metrics.

use crate::flow_control::FlowControl;
use crate::job::Job;
use crate::metrics::{CONTENT_TYPE, JobMetrics, Metrics};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The state of all jobs.
pub(crate) struct Status {
    metrics: Metrics,
    jobs: Vec<Arc<JobStatus>>,
}

/// The state of a job, which all of its tasks share.
pub(crate) struct JobStatus {
    pub(crate) metrics: JobMetrics,
    pub(crate) flow_control: FlowControl,
    consuming: AtomicBool,
}

impl Status {
    pub(crate) fn new(jobs: &[Job]) -> Arc<Self> {
        let metrics = Metrics::new();
        let status = |job: &Job| JobStatus {
            metrics: metrics.for_job(&job.name),
            flow_control: FlowControl::new(),
            consuming: AtomicBool::new(false),
        };
        let jobs = jobs.iter().map(|job| Arc::new(status(job))).collect();
        Arc::new(Self { metrics, jobs })
    }

    /// The states in the order of the jobs.
    pub(crate) fn jobs(&self) -> &[Arc<JobStatus>] {
        &self.jobs
    }

    fn is_consuming(&self) -> bool {
        self.jobs.iter().all(|job| job.consuming.load(Ordering::Relaxed))
    }

    fn are_components_up(&self) -> bool {
        self.jobs.iter().all(|job| job.flow_control.is_open())
    }
}

impl JobStatus {
    /// Records whether there is a session with RabbitMQ that consumes.
    pub(crate) fn set_consuming(&self, consuming: bool) {
        self.consuming.store(consuming, Ordering::Relaxed);
    }
}

/// Serves `/health/live`, `/health/ready` and `/metrics`.
pub(crate) fn router(status: Arc<Status>) -> Router {
    Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(status)
}

async fn ready(State(status): State<Arc<Status>>) -> impl IntoResponse {
    let (rabbitmq, components) = (status.is_consuming(), status.are_components_up());
    let word = |up| if up { "up" } else { "down" };
    let body = serde_json::json!({"rabbitmq": word(rabbitmq), "components": word(components)});
    let code = if rabbitmq && components { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, axum::Json(body))
}

async fn metrics(State(status): State<Arc<Status>>) -> impl IntoResponse {
    let text = status.metrics.render(status.is_consuming(), status.are_components_up());
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}
