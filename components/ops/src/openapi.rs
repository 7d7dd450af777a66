//! The OpenAPI document of this component's routes, which serve the document itself too.

use crate::{pages, routes};
use utoipa::OpenApi;

/// Returns the document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(routes::live, routes::ready, routes::metrics, pages::schema, pages::page))]
struct Document;
