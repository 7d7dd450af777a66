//! The OpenAPI document of this component's routes.

use crate::routes;
use utoipa::OpenApi;

/// Returns the document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(routes::check, routes::check_all, routes::history, routes::show, routes::erase))]
struct Document;
