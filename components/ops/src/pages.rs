//! The OpenAPI document, and a page that shows it.
//!
//! Both are static files: they need no token and have no rate limit. The page loads everything from
//! this service, so that it works offline.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, header};

/// The document that `cargo xtask schema` writes, as build.rs shortens it.
const SCHEMA: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The page's content security policy: its own style and script, and requests to this service.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; script-src 'self'; style-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files change with a release, so a browser may use its copy for five minutes.
const CACHED: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=300");

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
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
))]
pub(crate) async fn schema() -> Response {
    file("application/json", SCHEMA)
}

/// A page that shows this document and can send requests.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/docs/",
    operation_id = "docs",
    tag = "operations",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
))]
pub(crate) async fn page() -> Response {
    file("text/html; charset=utf-8", include_str!("page/page.html"))
}

async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("page/page.css"))
}

async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/page.js"))
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_SECURITY_POLICY, POLICY), CACHED];
    (headers, text).into_response()
}
