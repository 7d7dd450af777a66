//! The entry point: a few lines between the host and the routes.

use crate::{instance, routes};
use connectivity_kit::answer;
use spin_sdk::http::Request;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

/// Answers one request.
#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    let instance = instance::get().await;
    answer::serve(request, None, |request| answer::route(routes::router(instance), request)).await
}
