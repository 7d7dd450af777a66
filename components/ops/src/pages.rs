//! The OpenAPI document, and a page that shows it.
//!
//! Both are static files: they need no token and have no rate limit. The page loads everything from
//! this service, so that it works offline.

use crate::file::{File, file};
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;

static SCHEMA: File = file!("openapi.json", "application/json");
static PAGE: File = file!("page.html", "text/html; charset=utf-8");
static STYLE: File = file!("page.css", "text/css; charset=utf-8");
static SCRIPT: File = file!("page.js", "text/javascript; charset=utf-8");

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/api/schema", get(schema))
        .route("/api/docs", get(page))
        .route("/api/docs/page.css", get(style))
        .route("/api/docs/page.js", get(script))
}

/// This OpenAPI document.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/schema/",
    operation_id = "schema",
    tag = "operations",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object),
        (status = 304, description = "The client has this version: `If-None-Match` names its `ETag`"),
    ),
))]
pub(crate) async fn schema(headers: HeaderMap) -> Response {
    SCHEMA.respond(&headers)
}

/// A page that shows this document and can send requests.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/docs/",
    operation_id = "docs",
    tag = "operations",
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 304, description = "The client has this version: `If-None-Match` names its `ETag`"),
    ),
))]
pub(crate) async fn page(headers: HeaderMap) -> Response {
    PAGE.respond(&headers)
}

async fn style(headers: HeaderMap) -> Response {
    STYLE.respond(&headers)
}

async fn script(headers: HeaderMap) -> Response {
    SCRIPT.respond(&headers)
}
