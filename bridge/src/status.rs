//! How the bridge is: health and metrics, over HTTP.

use crate::valve::Valve;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

macro_rules! counters {
    ($($field:ident: $name:literal, $help:literal;)*) => {
        /// What has happened since the start.
        #[derive(Default)]
        pub(crate) struct Counters {
            $(#[doc = $help] pub(crate) $field: AtomicU64,)*
        }

        impl Counters {
            fn render(&self) -> String {
                let mut text = String::new();
                $(
                    // Writing to a String cannot fail.
                    let _ = writeln!(text, "# HELP {0} {1}\n# TYPE {0} counter\n{0} {2}", $name, $help,
                        self.$field.load(Ordering::Relaxed));
                )*
                text
            }
        }
    };
}

counters! {
    received: "connectivity_bridge_received_total", "Messages taken from the queue.";
    acknowledged: "connectivity_bridge_acknowledged_total", "Messages done with.";
    published: "connectivity_bridge_published_total", "Events published and confirmed.";
    relayed: "connectivity_bridge_relayed_total", "Events published from the outbox.";
    parked: "connectivity_bridge_parked_total", "Messages put into a delay queue.";
    buried: "connectivity_bridge_dead_lettered_total", "Messages put into the dead-letter queue.";
    troubles: "connectivity_bridge_component_troubles_total", "Requests that the components could not work on.";
    sessions: "connectivity_bridge_sessions_total", "Sessions with RabbitMQ.";
}

impl Counters {
    /// One more.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// How the bridge is.
pub(crate) struct Status {
    pub(crate) counters: Counters,
    pub(crate) valve: Valve,
    /// There is a session with RabbitMQ, and it consumes.
    pub(crate) consuming: AtomicBool,
}

impl Status {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { counters: Counters::default(), valve: Valve::new(), consuming: AtomicBool::new(false) })
    }
}

/// `/health/live`, `/health/ready`, `/metrics`.
pub(crate) fn router(status: Arc<Status>) -> Router {
    Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(status)
}

async fn ready(State(status): State<Arc<Status>>) -> impl IntoResponse {
    let (consuming, open) = (status.consuming.load(Ordering::Relaxed), status.valve.is_open());
    let word = |good| if good { "up" } else { "down" };
    let body = serde_json::json!({"rabbitmq": word(consuming), "components": word(open)});
    let code = if consuming && open { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, axum::Json(body))
}

async fn metrics(State(status): State<Arc<Status>>) -> impl IntoResponse {
    let mut text = status.counters.render();
    let gauges = [
        (
            "connectivity_bridge_consuming",
            "1 while messages are taken from RabbitMQ.",
            status.consuming.load(Ordering::Relaxed),
        ),
        ("connectivity_bridge_components_up", "1 unless the flow is paused.", status.valve.is_open()),
    ];
    for (name, help, value) in gauges {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {}", u8::from(value));
    }
    ([("content-type", "text/plain; version=0.0.4")], text)
}
