//! The routes for the bridge, which delivers messages from the queue and publishes events. Scope
//! `bridge`.

use crate::delivery::{self, Delivery};
use crate::services::{Records, Services};
use crate::wire::{self, Ages, LeaseRequest, Published};
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use connectivity_domain::document::DocumentRequest;
use connectivity_domain::job::{JobRegistry, Origin, perform};
use connectivity_edge::guard::Route;
use connectivity_edge::json_body::read_json;
use connectivity_edge::problem::Problem;
use connectivity_edge::token::Caller;
use connectivity_runtime::request_context::RequestContext;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// How long an event stays leased to the bridge that publishes it. After that it is leased again.
const LEASE: Duration = Duration::from_secs(30);

// Without rate limits, because the bridge calls once for every message.
const DELIVER: Route = Route::without_rate_limit("deliver", "bridge");
const OUTBOX: Route = Route::without_rate_limit("outbox", "bridge");
const PUBLISHED: Route = Route::without_rate_limit("published", "bridge");

pub(crate) fn routes<R: JobRegistry<DocumentRequest> + 'static, S: Records>() -> Router<Arc<Services<R, S>>> {
    Router::new()
        .route("/internal/v1/documents/deliveries", post(deliver::<R, S>))
        .route("/internal/v1/outbox", post(lease::<R, S>))
        .route("/internal/v1/outbox/published", post(published::<R, S>))
}

async fn deliver<R: JobRegistry<DocumentRequest> + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let respond = async |caller: Caller| services.deliver(&context, &caller.subject, &headers, &body).await;
    services.guard.guarded(DELIVER, &headers, (services.now)(), respond).await
}

async fn lease<R: JobRegistry<DocumentRequest> + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    services.guard.guarded(OUTBOX, &headers, (services.now)(), |_| services.lease(&headers, &body)).await
}

async fn published<R: JobRegistry<DocumentRequest> + 'static, S: Records>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    services.guard.guarded(PUBLISHED, &headers, (services.now)(), |_| services.published(&headers, &body)).await
}

impl<R: JobRegistry<DocumentRequest> + 'static, S: Records> Services<R, S> {
    async fn deliver(
        &self,
        context: &RequestContext,
        subject: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response, Problem> {
        let Delivery { message_id, request, is_last_attempt } = delivery::read(headers, body)?;
        let claim = self.claim(context, message_id, request, Origin::Queue);
        let record = perform(&(self.registry)(context, subject), &self.store, &claim, is_last_attempt, self.now).await;
        Ok(delivery::respond(&claim.message_id, record, &self.settings))
    }

    async fn lease(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let LeaseRequest { limit, waiting } = read_json(headers, body)?;
        let now = (self.now)();
        let leased = self.store.lease(limit.clamp(1, 500), &(self.new_id)(), now, now.plus(LEASE)).await?;
        let ages = if waiting { Some(Ages::new(&self.store.waiting().await?, now)) } else { None };
        Ok(wire::leased(&leased, ages, &self.settings))
    }

    async fn published(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let Published { results, requests } = read_json(headers, body)?;
        self.store.results_published(&results, (self.now)()).await?;
        self.store.requests_published(&requests).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}
