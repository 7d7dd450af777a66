//! The entry point: a few lines between the host and the routes.

use crate::instance::{self, Instance};
use crate::routes;
use axum::response::IntoResponse;
use connectivity_domain::problem::ProblemKind;
use connectivity_kit::answer;
use connectivity_kit::problem::Problem;
use spin_sdk::http::Request;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

/// Answers one request.
#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    let instance = instance::get().await;
    let cors = instance.and_then(Instance::cors);
    answer::serve(request, cors, |request| async move {
        match instance {
            Some(instance) => answer::route(routes::router(instance.services(&request)), request).await,
            None => Problem::new(ProblemKind::NotReady, "the service is not configured: see its log").into_response(),
        }
    })
    .await
}
