//! The OpenAPI document of the routes for callers. The routes for the bridge are not in it.

use crate::routes;
use utoipa::OpenApi;

/// Returns the document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(routes::submit, routes::history, routes::find))]
struct Document;
