//! The routes of the GovCarpeta API.

use crate::{Behaviour, Call, lock};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;
use std::sync::atomic::Ordering;

type Shared = State<Arc<crate::State>>;

pub(crate) fn router(state: Arc<crate::State>) -> Router {
    Router::new()
        .route("/apis/validateCitizen/{id}", get(validate))
        .route("/apis/authenticateDocument", put(authenticate))
        .with_state(state)
}

async fn validate(State(state): Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let default = by_id(&id);
    answer(&state, id, headers, default).await
}

async fn authenticate(State(state): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let request: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let title = request["documentTitle"].as_str().unwrap_or_default().to_owned();
    let is_valid = request["idCitizen"].is_u64() && request["UrlDocument"].is_string() && !title.is_empty();
    let default = if is_valid {
        prose(&format!("El documento: {title} ha sido autenticado exitosamente "))
    } else {
        wrong_parameters()
    };
    answer(&state, title, headers, default).await
}

/// Records the call and answers it as [`crate::Simulator::behave`] says.
async fn answer(state: &crate::State, id: String, headers: HeaderMap, default: Response) -> Response {
    state.count.fetch_add(1, Ordering::Relaxed);
    let all = lock(&state.all).clone();
    let behaviour =
        all.unwrap_or_else(|| lock(&state.behaviours).get_mut(&id).map_or(Behaviour::ById, Behaviour::next));
    if state.keeps_calls {
        lock(&state.calls).push(Call { id, headers });
    }
    if !state.latency.is_zero() {
        tokio::time::sleep(state.latency).await;
    }
    if state.down.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "<html>Application error</html>").into_response();
    }
    behaviour.respond(default).await
}

fn by_id(id: &str) -> Response {
    let is_valid = (6..=12).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    let is_even = id.bytes().last().is_some_and(|digit| digit % 2 == 0);
    match (is_valid, is_even) {
        (false, _) => wrong_parameters(),
        (true, true) => StatusCode::NO_CONTENT.into_response(),
        (true, false) => {
            prose(&format!("El ciudadano con id: {id} se encuentra registrado en el operador: Operador Ciudadano "))
        }
    }
}

/// A JSON string, as the registry sends for success.
fn prose(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("\"{text}\"")).into_response()
}

fn wrong_parameters() -> Response {
    (StatusCode::NOT_IMPLEMENTED, "\"Parametros incorrectos \"").into_response()
}
