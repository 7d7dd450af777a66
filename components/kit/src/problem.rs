//! Error answers: `application/problem+json` (RFC 9457). The one place where an error becomes HTTP.

use crate::answer::Subject;
use crate::throttle::seconds;
use axum::response::{IntoResponse, Response};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::registry::StoreError;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;

/// When to come back while the database is down.
const SOON: Duration = Duration::from_secs(5);

/// Refuses a body that is not said to be JSON, or that is encoded (RFC 9110 sections 8.4 and 12.5.3).
pub fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        let problem = Problem::new(ProblemKind::UnsupportedMediaType, "send the body without Content-Encoding");
        return Err(problem.header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
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
    field: Option<Cow<'static, str>>,
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

    /// Returns the sentence that tells the caller what to do.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Names the field of the request that is wrong.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(name.into());
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

/// A store logs why it failed; callers only learn that they can try again.
impl From<StoreError> for Problem {
    fn from(StoreError: StoreError) -> Self {
        Self::storage_unavailable()
    }
}

/// The `type` of problems of this kind.
pub(crate) fn urn(kind: ProblemKind) -> String {
    format!("urn:connectivity:problem:{}", kind.slug())
}

/// The body of every error answer (RFC 9457): `type` says to a program what is wrong, `detail` to a person.
// In the order in which they have always been written.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Problem))]
pub(crate) struct ProblemBody {
    /// What to do about it
    detail: String,
    /// The field of the request that is wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    field: Option<Cow<'static, str>>,
    /// What the log calls the request; the answer's `X-Request-Id` says it too
    request_id: String,
    /// The HTTP status
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
    status: u16,
    /// The kind of problem in words, the same for every occurrence
    title: &'static str,
    #[cfg_attr(feature = "openapi", schema(schema_with = types))]
    r#type: String,
}

/// Returns the schema of a problem's `type`.
#[cfg(feature = "openapi")]
fn types() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    let description = "Which kind of problem it is. Stable: programs may go by it";
    crate::schema::one_of(&ProblemKind::ALL.map(urn), description)
}

/// A problem under way: `answer`, which knows the request id, writes the body.
#[derive(Clone, Debug)]
pub(crate) struct Pending(ProblemBody);

impl Pending {
    /// The body, naming the request.
    pub(crate) fn body(self, request_id: &str) -> Vec<u8> {
        let body = ProblemBody { request_id: request_id.to_owned(), ..self.0 };
        // Texts and a number: there is nothing to fail.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2: each says what would be believed. The guard says more, and has the word.
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(HeaderValue::from_static("Bearer"));
        }
        if let Some(subject) = self.subject {
            response.extensions_mut().insert(Subject(subject));
        }
        response.extensions_mut().insert(Pending(ProblemBody {
            detail: self.detail,
            field: self.field,
            request_id: String::new(),
            status: self.kind.status(),
            title: self.kind.title(),
            r#type: urn(self.kind),
        }));
        response
    }
}
