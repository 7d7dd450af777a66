//! The entry point: a few lines between the host and the routes.

use crate::instance::{self, Instance};
use crate::routes;
use connectivity_kit::answer;
use spin_sdk::http::Request;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

/// Answers one request.
#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    let router = |instance: &Instance, request: &_| routes::router(instance.services(request));
    answer::serve_instance(request, instance::get().await, Instance::cors, router).await
}
