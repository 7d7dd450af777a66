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
    // Tools on other pages read the document. Probes and metrics are for nobody's browser.
    let cors = instance.filter(|_| request.uri().path().starts_with("/api/")).and_then(|it| it.cors());
    let answer = serve(request, cors, |request| route(routes::router(instance), request)).await;
    if let Some(instance) = instance {
        send_soon(instance.cache());
    }
    answer
}
