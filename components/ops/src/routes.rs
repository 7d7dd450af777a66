//! The probes and the metrics. What they need of the servers is behind a port.

use crate::metrics::{Depth, Gauges, render};
use crate::pages;
use crate::wire::{Alive, Breaker, Dependencies, Readiness, component, dependency};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use connectivity_kit::configured::Settings;
use futures_util::future::{join, join_all};
use http::{StatusCode, header};
use std::future::Future;
use std::time::Duration;

/// Whose settings are looked at besides those of this component.
const COMPONENTS: [&str; 3] = ["affiliation", "auth", "documents"];

/// The text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a look at a server showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// `up` or `down`; of the breaker `closed`, `open` or `probing`.
    pub(crate) status: &'static str,
    /// How long it took.
    pub(crate) latency: Duration,
}

/// Looks at the servers.
pub(crate) trait Lookout: Clone + Send + Sync + 'static {
    /// Can records be read?
    fn database(&self) -> impl Future<Output = Look> + Send;
    /// Does the cache answer, and if it does, what does it know of the breaker before the registry?
    fn cache(&self) -> impl Future<Output = (Look, Option<&'static str>)> + Send;
    /// Are this component's settings right?
    fn settings(&self, component: &'static str) -> impl Future<Output = Settings> + Send;
    /// What has been counted; none: the cache does not answer.
    fn counts(&self) -> impl Future<Output = Option<Vec<(String, u64)>>> + Send;
    /// What waits to be published; none: the database does not answer.
    fn outbox(&self) -> impl Future<Output = Option<Depth>> + Send;
}

/// The routes; without a lookout the settings are wrong.
pub(crate) fn router<L: Lookout>(lookout: Option<L>) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready::<L>))
        .route("/metrics", get(metrics::<L>))
        .merge(pages::routes())
        .with_state(lookout)
}

/// Is the service alive?
///
/// Whoever can say so is, whatever else is down: a restart would not mend that.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/health/live",
    operation_id = "live",
    tag = "operations",
    responses((status = 200, description = "It is", body = Alive)),
))]
pub(crate) async fn live() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

/// Can the service do its work?
///
/// Ready is who can keep records, and whose components have the settings that they need: without the database nothing is
/// answered, nor by a component with wrong settings; without the rest it is.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "ready",
    tag = "operations",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "It cannot", body = Readiness),
    ),
))]
pub(crate) async fn ready<L: Lookout>(State(lookout): State<Option<L>>) -> Response {
    let Some(lookout) = lookout else {
        let reason = Some("the settings are wrong: see the log");
        let body = Readiness { components: None, dependencies: None, reason, status: "not ready" };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    };
    // A probe has little time: all at once.
    let servers = join(lookout.database(), lookout.cache());
    let settings = join_all(COMPONENTS.map(|component| lookout.settings(component)));
    let ((database, (cache, breaker)), settings) = join(servers, settings).await;
    let misconfigured = settings.contains(&Settings::Wrong);
    let is_ready = database.status == "up" && !misconfigured;
    let components = COMPONENTS.into_iter().zip(settings.into_iter().map(component)).collect();
    let dependencies = Dependencies {
        cache: dependency(&cache, false),
        database: dependency(&database, true),
        registry_breaker: Breaker { needed: false, status: breaker.unwrap_or("unknown") },
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Readiness {
        components: Some(components),
        dependencies: Some(dependencies),
        reason: misconfigured.then_some("the settings of a component are wrong: see its log"),
        status: if is_ready { "ready" } else { "not ready" },
    };
    (status, Json(body)).into_response()
}

/// What was counted, and what can be seen now, for Prometheus.
///
/// What can be seen is told, whatever cannot.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operations",
    responses(
        (status = 200, description = "Text format 0.0.4", body = String, content_type = "text/plain"),
        (status = 503, description = "The settings are wrong", body = String, content_type = "text/plain"),
    ),
))]
pub(crate) async fn metrics<L: Lookout>(State(lookout): State<Option<L>>) -> Response {
    let Some(lookout) = lookout else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the settings are wrong: see the log\n").into_response();
    };
    let (counts, outbox) = (lookout.counts().await, lookout.outbox().await);
    let breaker = if counts.is_some() { lookout.cache().await.1 } else { None };
    let gauges = Gauges {
        database_up: outbox.is_some(),
        cache_up: counts.is_some(),
        breaker_open: breaker.map(|state| state == "open"),
        outbox,
    };
    ([(header::CONTENT_TYPE, TEXT)], render(&counts.unwrap_or_default(), &gauges)).into_response()
}
