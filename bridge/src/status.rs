//! The state of the bridge, and its HTTP endpoints: health and metrics.

use crate::flow_control::FlowControl;
use crate::metrics::{CONTENT_TYPE, Metrics};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The state that all tasks of the bridge share.
pub(crate) struct Status {
    pub(crate) metrics: Metrics,
    pub(crate) flow_control: FlowControl,
    consuming: AtomicBool,
}

impl Status {
    pub(crate) fn new() -> Arc<Self> {
        let (metrics, flow_control) = (Metrics::new(), FlowControl::new());
        Arc::new(Self { metrics, flow_control, consuming: AtomicBool::new(false) })
    }

    /// Records whether there is a session with RabbitMQ that consumes.
    pub(crate) fn set_consuming(&self, consuming: bool) {
        self.consuming.store(consuming, Ordering::Relaxed);
    }

    fn is_consuming(&self) -> bool {
        self.consuming.load(Ordering::Relaxed)
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
    let (rabbitmq, components) = (status.is_consuming(), status.flow_control.is_open());
    let word = |up| if up { "up" } else { "down" };
    let body = serde_json::json!({"rabbitmq": word(rabbitmq), "components": word(components)});
    let code = if rabbitmq && components { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, axum::Json(body))
}

async fn metrics(State(status): State<Arc<Status>>) -> impl IntoResponse {
    let text = status.metrics.render(status.is_consuming(), status.flow_control.is_open());
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}
