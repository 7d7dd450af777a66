//! Whether the settings of a component are valid. Each component answers that to the others, at
//! `http://<component>.spin.internal`.
//!
//! No route of the application leads to this path. It can be requested from inside only, and is
//! neither counted nor logged.

use bytes::Bytes;
use http::{Response, StatusCode};

/// The path of the question.
pub(crate) const PATH: &str = "/configured";

/// Returns the response of a component: 204, or 503 while its settings are invalid. Its log says
/// what is wrong.
pub(crate) fn respond(is_valid: bool) -> Response<Bytes> {
    let status = if is_valid { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// The state of a component's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigState {
    /// The settings are valid; the component serves requests.
    Valid,
    /// The settings are invalid; the component answers every request with 503.
    Invalid,
    /// The component did not answer.
    Unknown,
}

/// Asks a component of this application.
#[cfg(target_family = "wasm")]
pub async fn ask(component: &str) -> ConfigState {
    use http_body_util::Empty;
    let request = http::Request::get(format!("http://{component}.spin.internal{PATH}")).body(Empty::<Bytes>::new());
    let Ok(request) = request else { return ConfigState::Unknown };
    match spin_sdk::http::send(request).await.map(|response| response.status()) {
        Ok(StatusCode::NO_CONTENT) => ConfigState::Valid,
        Ok(StatusCode::SERVICE_UNAVAILABLE) => ConfigState::Invalid,
        _ => ConfigState::Unknown,
    }
}
