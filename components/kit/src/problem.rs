//! Error answers: `application/problem+json` (RFC 9457). The one place where an error becomes HTTP.

use crate::answer::Subject;
use crate::throttle::seconds;
use axum::response::{IntoResponse, Response};
use connectivity_domain::problem::ProblemKind;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use std::time::Duration;

/// When to come back while the database is down.
const SOON: Duration = Duration::from_secs(5);

/// Refuses a body that is not said to be JSON.
pub fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "send the body as Content-Type: application/json";
    Err(Problem::new(ProblemKind::UnsupportedMediaType, detail))
}

/// An error as the caller sees it. What caused it goes to the log, never in here.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    field: Option<&'static str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    subject: Option<String>,
}

impl Problem {
    /// A problem with a sentence that tells the caller what to do about it.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), field: None, headers: Vec::new(), subject: None }
    }

    /// The records cannot be reached, so there is no answer.
    pub fn storage_unavailable() -> Self {
        let detail = "the records cannot be reached, and nothing is answered without one: try again later";
        Self::new(ProblemKind::StorageUnavailable, detail).retry_after(SOON)
    }

    /// Which kind of problem it is.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Names the field of the request that is wrong.
    #[must_use]
    pub fn field(mut self, name: &'static str) -> Self {
        self.field = Some(name);
        self
    }

    /// Says when asking again makes sense (RFC 9110 section 10.2.3): whole seconds, rounded up, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds(wait).max(1)))
    }

    /// Tells the log whose request it was.
    #[must_use]
    pub fn by(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The request id of an answer under way, so that the problem's body can name it.
#[derive(Clone, Debug)]
pub(crate) struct Pending(pub(crate) serde_json::Map<String, serde_json::Value>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:connectivity:problem:{}", self.kind.slug()),
            "title": self.kind.title(),
            "status": self.kind.status(),
            "detail": self.detail,
        });
        if let (Some(field), Some(object)) = (self.field, body.as_object_mut()) {
            object.insert("field".into(), field.into());
        }
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        if let Some(subject) = self.subject {
            response.extensions_mut().insert(Subject(subject));
        }
        if let serde_json::Value::Object(object) = body {
            // The body is written at the end, by `answer`, which knows the request id.
            response.extensions_mut().insert(Pending(object));
        }
        response
    }
}
