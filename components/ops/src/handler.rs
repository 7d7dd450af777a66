//! The entry point that the host calls.

use crate::{instance, routes};
use connectivity_edge::metrics_sender::send_soon;
use connectivity_edge::router::route;
use connectivity_edge::serve::serve;
use spin_sdk::http::Request;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    let instance = instance::get().await;
    let answer = serve(request, None, |request| route(routes::router(instance), request)).await;
    if let Some(instance) = instance {
        send_soon(instance.cache());
    }
    answer
}
