//! The probes and the metrics.

use crate::metrics::{Gauges, render};
use crate::pages;
use crate::probe::{HealthProbe, ProbeResult};
use crate::wire::{Alive, Breaker, Dependencies, Readiness, component, dependency};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use connectivity_domain::breaker::Condition;
use connectivity_edge::config_state::{ConfigState, Report};
use futures_util::future::{join, join_all};
use http::{StatusCode, header};

/// The components that are asked for their reports.
const COMPONENTS: [&str; 3] = ["affiliation", "auth", "documents"];

/// The media type of Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the routes. `probe` is `None` if the settings of this component are invalid.
pub(crate) fn router<P: HealthProbe>(probe: Option<P>) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready::<P>))
        .route("/metrics", get(metrics::<P>))
        .merge(pages::routes())
        .with_state(probe)
}

/// Is the service alive?
///
/// The status is 200 whenever the service can respond at all, whatever else is down: a restart
/// would not help.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/health/live",
    operation_id = "live",
    tag = "operations",
    responses((status = 200, description = "The service is alive", body = Alive)),
))]
pub(crate) async fn live() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

/// Is the service ready?
///
/// The service is ready if records can be written to the database, its schema is new enough, and the
/// settings of all components are valid. It does not have to reach the cache or the registry to be
/// ready. Servers are checked at most once a second.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "ready",
    tag = "operations",
    responses(
        (status = 200, description = "The service is ready", body = Readiness),
        (status = 503, description = "The service is not ready", body = Readiness),
    ),
))]
pub(crate) async fn ready<P: HealthProbe>(State(probe): State<Option<P>>) -> Response {
    let Some(probe) = probe else {
        let reason = Some("the settings of the component ops are invalid: its log names them".to_owned());
        let body = Readiness { components: None, dependencies: None, reason, status: "not ready" };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    };
    let Health { database, cache, breaker, reports } = Box::pin(check(&probe)).await;
    let misconfigured = reports.iter().any(|report| report.settings == ConfigState::Invalid);
    let is_ready = database.status == "up" && !misconfigured;
    let components = reports.into_iter().map(|report| component(report.settings));
    let components = COMPONENTS.into_iter().zip(components).collect();
    let dependencies = Dependencies {
        cache: dependency(&cache, false),
        database: dependency(&database, true),
        registry_breaker: Breaker { needed: false, status: breaker.map_or("unknown", Condition::as_str) },
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Readiness {
        components: Some(components),
        dependencies: Some(dependencies),
        reason: misconfigured
            .then(|| "the settings of a component are invalid: its log names them".to_owned())
            .or(database.reason),
        status: if is_ready { "ready" } else { "not ready" },
    };
    (status, Json(body)).into_response()
}

/// The state of everything that the service depends on.
struct Health {
    database: ProbeResult,
    cache: ProbeResult,
    breaker: Option<Condition>,
    reports: Vec<Report>,
}

/// What an operator has to do if a check of the database succeeds and the records of a component fail.
const RECORDS_FAIL: &str = "a component could not write its last records: its log says why";

/// Checks the servers, and takes into account what the components report.
async fn check<P: HealthProbe>(probe: &P) -> Health {
    // A kubelet waits three seconds for a probe, so all checks run at the same time.
    let servers = join(probe.database(), probe.cache());
    let reports = join_all(COMPONENTS.map(|component| probe.report(component)));
    let ((mut database, (mut cache, breaker)), reports) = join(servers, reports).await;
    if database.status == "up" && reports.iter().any(|report| report.database_fails) {
        database = ProbeResult { status: "unwritable", reason: Some(RECORDS_FAIL.to_owned()), ..database };
    }
    if cache.status == "up" && reports.iter().any(|report| report.cache_fails) {
        cache.status = "degraded";
    }
    Health { database, cache, breaker, reports }
}

/// Metrics for Prometheus.
///
/// Counters and histograms since they were first recorded, and the current state of the
/// dependencies. A value that cannot be read at the moment is left out.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operations",
    responses(
        (status = 200, description = "Text format 0.0.4", body = String, content_type = "text/plain"),
        (status = 503, description = "The settings are invalid", body = String, content_type = "text/plain"),
    ),
))]
pub(crate) async fn metrics<P: HealthProbe>(State(probe): State<Option<P>>) -> Response {
    let Some(probe) = probe else {
        let text = "the settings of the component ops are invalid: its log names them\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let (counts, outbox) = (probe.counts().await, probe.outbox().await);
    let Health { database, cache, breaker, .. } = Box::pin(check(&probe)).await;
    let gauges = Gauges {
        database_up: database.status == "up",
        cache_up: cache.status == "up",
        breaker_open: breaker.map(|state| state == Condition::Open),
        outbox,
    };
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], render(&counts.unwrap_or_default(), &gauges)).into_response()
}
