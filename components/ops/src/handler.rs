//! The entry point that the host calls.

use crate::{instance, routes};
use connectivity_kit::{answer, metrics};
use spin_sdk::http::Request;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    let instance = instance::get().await;
    let answer = answer::serve(request, None, |request| answer::route(routes::router(instance), request)).await;
    if let Some(instance) = instance {
        metrics::send_soon(instance.cache());
    }
    answer
}
