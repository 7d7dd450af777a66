//! The probes. What they need of the servers is behind a port.

use crate::pages;
use crate::wire::{self, Alive, Breaker, Dependencies, Readiness, dependency};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use std::future::Future;
use std::time::Duration;

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
}

/// The routes; without a lookout the settings are wrong.
pub(crate) fn router<L: Lookout>(lookout: Option<L>) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready::<L>))
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
    responses((status = 200, description = "It is", body = wire::Alive)),
))]
pub(crate) async fn live() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

/// Can the service do its work?
///
/// Ready is who can keep records: without the database nothing is answered, without the rest it is.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "ready",
    tag = "operations",
    responses(
        (status = 200, description = "It can", body = wire::Readiness),
        (status = 503, description = "It cannot", body = wire::Readiness),
    ),
))]
pub(crate) async fn ready<L: Lookout>(State(lookout): State<Option<L>>) -> Response {
    let Some(lookout) = lookout else {
        let reason = Some("the settings are wrong: see the log");
        let body = Readiness { dependencies: None, reason, status: "not ready" };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    };
    let database = lookout.database().await;
    let (cache, breaker) = lookout.cache().await;
    let is_ready = database.status == "up";
    let dependencies = Dependencies {
        cache: dependency(&cache, false),
        database: dependency(&database, true),
        registry_breaker: Breaker { needed: false, status: breaker.unwrap_or("unknown") },
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Readiness {
        dependencies: Some(dependencies),
        reason: None,
        status: if is_ready { "ready" } else { "not ready" },
    };
    (status, Json(body)).into_response()
}
