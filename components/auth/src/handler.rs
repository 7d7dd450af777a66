//! The entry point that the host calls.

use crate::instance;
use connectivity_edge::serve::serve_component;
use spin_sdk::http::Request;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    serve_component(request, instance::get().await).await
}
