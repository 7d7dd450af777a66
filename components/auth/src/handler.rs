//! The entry point: a few lines between the host and the routes.

use crate::instance;
use connectivity_kit::answer;
use spin_sdk::http::Request;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

/// Answers one request.
#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    answer::serve_instance(request, instance::get().await).await
}
