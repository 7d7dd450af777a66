//! Are a component's settings right? Each of them says so to the others, at `http://<component>.spin.internal`.
//!
//! No route of the application leads to this path: it is asked from inside alone, and neither counted nor logged.

use bytes::Bytes;
use http::{Response, StatusCode};

/// The path of the question.
pub(crate) const PATH: &str = "/configured";

/// What a component answers: 204, or 503 for as long as its settings are wrong. Its log says what is.
pub(crate) fn answer(is_configured: bool) -> Response<Bytes> {
    let status = if is_configured { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// What is known of a component's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// It answers calls.
    Right,
    /// It answers every call with 503.
    Wrong,
    /// It did not answer, or not in time.
    Unknown,
}

/// Asks a component of this application.
#[cfg(target_family = "wasm")]
pub async fn ask(component: &str) -> Settings {
    use http_body_util::Empty;
    let request = http::Request::get(format!("http://{component}.spin.internal{PATH}")).body(Empty::<Bytes>::new());
    let Ok(request) = request else { return Settings::Unknown };
    match spin_sdk::http::send(request).await.map(|response| response.status()) {
        Ok(StatusCode::NO_CONTENT) => Settings::Right,
        Ok(StatusCode::SERVICE_UNAVAILABLE) => Settings::Wrong,
        _ => Settings::Unknown,
    }
}
