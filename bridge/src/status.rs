//! The state of the bridge, and its HTTP endpoints: health and metrics.

use crate::flow_control::FlowControl;
use crate::health::{Health, Rabbitmq};
use crate::job::Job;
use crate::metrics::{CONTENT_TYPE, JobMetrics, Metrics};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Instant;

/// The state of all jobs.
pub(crate) struct Status {
    metrics: Metrics,
    jobs: Vec<Arc<JobStatus>>,
}

/// The state of a job, which all of its tasks share.
pub(crate) struct JobStatus {
    name: String,
    pub(crate) metrics: JobMetrics,
    pub(crate) flow_control: FlowControl,
    pub(crate) health: Health,
}

impl Status {
    pub(crate) fn new(jobs: &[Job]) -> Arc<Self> {
        let metrics = Metrics::new();
        let status = |job: &Job| JobStatus {
            name: job.name.clone(),
            metrics: metrics.for_job(&job.name),
            flow_control: FlowControl::new(),
            health: Health::new(),
        };
        let jobs = jobs.iter().map(|job| Arc::new(status(job))).collect();
        Arc::new(Self { metrics, jobs })
    }

    /// The states in the order of the jobs.
    pub(crate) fn jobs(&self) -> &[Arc<JobStatus>] {
        &self.jobs
    }

    /// Reports the state of RabbitMQ and of the components: the worst of all jobs, and each job's.
    fn readiness(&self, now: Instant) -> (StatusCode, Value) {
        let rabbitmq = self.jobs.iter().map(|job| job.health.rabbitmq(now)).min().unwrap_or(Rabbitmq::Down);
        let components = self.jobs.iter().all(|job| job.are_components_up(now));
        let jobs: Map<_, _> = self.jobs.iter().map(|job| (job.name.clone(), job.report(now))).collect();
        let body = json!({"rabbitmq": rabbitmq.as_str(), "components": up(components), "jobs": jobs});
        let is_ready = rabbitmq == Rabbitmq::Up && components;
        (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body)
    }

    /// Renders the metrics, with the present state of each job.
    fn render(&self, now: Instant) -> String {
        for job in &self.jobs {
            let (rabbitmq, components) = (job.health.rabbitmq(now), job.are_components_up(now));
            job.metrics.rabbitmq_up.set((rabbitmq == Rabbitmq::Up).into());
            job.metrics.blocked.set((rabbitmq == Rabbitmq::Blocked).into());
            job.metrics.components_up.set(components.into());
        }
        let is_consuming = self.jobs.iter().all(|job| job.health.is_consuming());
        self.metrics.render(is_consuming, self.jobs.iter().all(|job| job.are_components_up(now)))
    }
}

impl JobStatus {
    fn are_components_up(&self, now: Instant) -> bool {
        self.flow_control.is_open() && self.health.are_components_answering(now)
    }

    fn report(&self, now: Instant) -> Value {
        json!({
            "rabbitmq": self.health.rabbitmq(now).as_str(),
            "components": up(self.are_components_up(now)),
            "last_success_seconds": self.health.last_success(now).map(|age| age.as_secs()),
            "warnings": self.health.warnings(),
        })
    }
}

fn up(is_up: bool) -> &'static str {
    if is_up { "up" } else { "down" }
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
    let (code, body) = status.readiness(Instant::now());
    (code, axum::Json(body))
}

async fn metrics(State(status): State<Arc<Status>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], status.render(Instant::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Arc<Status> {
        let mut jobs = crate::job::table("q".into(), "k".into(), None);
        jobs.push(Job { name: "other".into(), ..jobs[0].clone() });
        Status::new(&jobs)
    }

    #[test]
    fn bridge_is_ready_if_every_job_can_consume_and_publish() {
        let (status, now) = (status(), Instant::now());
        let [documents, other] = status.jobs() else { panic!("two jobs") };
        let ready = || {
            let (code, body) = status.readiness(now);
            (code.as_u16(), body["rabbitmq"].clone(), body["components"].clone())
        };
        documents.health.session_began(vec!["foreign".into()], now);
        documents.health.components_answered(now);
        assert_eq!(ready(), (503, "down".into(), "up".into()));
        other.health.session_began(Vec::new(), now);
        assert_eq!(ready(), (503, "up".into(), "down".into()), "the components have not answered the other job");
        other.health.components_answered(now);
        assert_eq!(ready(), (200, "up".into(), "up".into()));
        other.health.set_blocked(true, now);
        assert_eq!(ready(), (503, "blocked".into(), "up".into()));
        other.health.set_blocked(false, now);
        (0..5).for_each(|_| documents.flow_control.record(true, now));
        assert_eq!(ready(), (503, "up".into(), "down".into()));
        let (_, body) = status.readiness(now);
        let expected = json!({
            "documents": {"rabbitmq": "up", "components": "down", "last_success_seconds": null, "warnings": ["foreign"]},
            "other": {"rabbitmq": "up", "components": "up", "last_success_seconds": null, "warnings": []},
        });
        assert_eq!(body["jobs"], expected);
    }

    #[test]
    fn metrics_say_the_same_as_readiness() {
        let (status, now) = (status(), Instant::now());
        let [documents, other] = status.jobs() else { panic!("two jobs") };
        documents.health.session_began(Vec::new(), now);
        documents.health.set_blocked(true, now);
        other.health.session_began(Vec::new(), now);
        status.jobs().iter().for_each(|job| job.health.components_answered(now));
        let text = status.render(now);
        for line in [
            "connectivity_bridge_consuming 1",
            "connectivity_bridge_components_up 1",
            "connectivity_bridge_blocked{job=\"documents\"} 1",
            "connectivity_bridge_blocked{job=\"other\"} 0",
            "connectivity_bridge_dependency_up{job=\"documents\",dependency=\"rabbitmq\"} 0",
            "connectivity_bridge_dependency_up{job=\"other\",dependency=\"rabbitmq\"} 1",
            "connectivity_bridge_dependency_up{job=\"documents\",dependency=\"components\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
