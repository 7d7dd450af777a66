//! What a component reports to the others, at `http://<component>.spin.internal`: whether its settings
//! are valid, and which servers have failed it lately.
//!
//! No route of the application leads to this path. It can be requested from inside only, and is
//! neither counted nor logged.

use crate::instance::Component;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};

/// The path of the question.
pub(crate) const PATH: &str = "/configured";

/// The header with the names of the servers that have failed the component.
const FAILING: &str = "connectivity-failing";

/// What a component reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The state of its settings.
    pub settings: ConfigState,
    /// The instance that answered could not write its last records.
    pub database_fails: bool,
    /// The last calls of the cache failed in the instance that answered.
    pub cache_fails: bool,
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

impl Report {
    /// The report about a component that did not answer.
    pub const NONE: Self = Self { settings: ConfigState::Unknown, database_fails: false, cache_fails: false };
}

/// Returns the response of a component: 204 with the names of the servers that failed, or 503 while
/// its settings are invalid. Its log says what is wrong.
pub(crate) fn respond(component: Option<&Component>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let Some(component) = component else {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return response;
    };
    *response.status_mut() = StatusCode::NO_CONTENT;
    let failing = match (component.database.is_failing(), component.cache.is_failing()) {
        (true, true) => "database,cache",
        (true, false) => "database",
        (false, true) => "cache",
        (false, false) => return response,
    };
    response.headers_mut().insert(FAILING, HeaderValue::from_static(failing));
    response
}

/// Asks a component of this application.
#[cfg(target_family = "wasm")]
pub async fn ask(component: &str) -> Report {
    use http_body_util::Empty;
    let request = http::Request::get(format!("http://{component}.spin.internal{PATH}")).body(Empty::<Bytes>::new());
    let Ok(request) = request else { return Report::NONE };
    let Ok(response) = spin_sdk::http::send(request).await else { return Report::NONE };
    let settings = match response.status() {
        StatusCode::NO_CONTENT => ConfigState::Valid,
        StatusCode::SERVICE_UNAVAILABLE => ConfigState::Invalid,
        _ => ConfigState::Unknown,
    };
    let failing = response.headers().get(FAILING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fails = |server: &str| failing.split(',').any(|it| it == server);
    Report { settings, database_fails: fails("database"), cache_fails: fails("cache") }
}
