//! What the API's document says of the routes here, itself among them.

use crate::{pages, routes};
use connectivity_kit::openapi::one_of;
use utoipa::OpenApi;
use utoipa::openapi::{RefOr, Schema};

/// The document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(routes::live, routes::ready, routes::metrics, pages::schema, pages::page))]
struct Document;

pub(crate) fn alive() -> RefOr<Schema> {
    one_of(&["alive"], "There is no other")
}

pub(crate) fn readiness() -> RefOr<Schema> {
    one_of(&["ready", "not ready"], "`ready`: records can be kept")
}

pub(crate) fn component() -> RefOr<Schema> {
    let description =
        "`misconfigured`: it answers every call with 503, and its log says why. `unknown`: it cannot be asked here";
    one_of(&["configured", "misconfigured", "unknown"], description)
}

pub(crate) fn server() -> RefOr<Schema> {
    one_of(&["up", "down"], "Does it answer?")
}

pub(crate) fn breaker() -> RefOr<Schema> {
    let description = "`open`: nobody asks the registry for a while. `probing`: one does. `unknown`: the cache is down";
    one_of(&["closed", "open", "probing", "unknown"], description)
}
