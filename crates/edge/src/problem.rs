//! Error responses: `application/problem+json` (RFC 9457). This is the one place where an error
//! becomes HTTP.

mod part;

pub use part::ProblemPart;

use crate::rate_limit::whole_seconds;
use crate::subject::Subject;
use axum::response::{IntoResponse, Response};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::registry::StoreError;
use connectivity_domain::verdict::Cause;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;

/// When to try again while the database is down.
const STORAGE_RETRY_AFTER: Duration = Duration::from_secs(5);

/// An error as the caller sees it. Its cause is for the log and never part of it.
///
/// ```
/// use connectivity_domain::problem::ProblemKind;
/// use connectivity_edge::problem::Problem;
///
/// let problem = Problem::new(ProblemKind::InvalidRequest, "page must be a whole number").field("page");
/// assert_eq!(problem.kind(), ProblemKind::InvalidRequest);
/// assert_eq!(problem.detail(), "page must be a whole number");
/// ```
#[derive(Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    field: Option<Cow<'static, str>>,
    cause: Option<Cause>,
    headers: Vec<(HeaderName, HeaderValue)>,
    subject: Option<String>,
}

impl Problem {
    /// Creates a problem. `detail` is a sentence that says what is wrong and what to do next.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), field: None, cause: None, headers: Vec::new(), subject: None }
    }

    /// Creates the problem that the records cannot be read or written.
    pub fn storage_unavailable() -> Self {
        let detail = "the records cannot be reached, and nothing is answered without one: try again later";
        Self::new(ProblemKind::StorageUnavailable, detail).retry_after(STORAGE_RETRY_AFTER)
    }

    /// Returns the kind of the problem.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Returns the sentence that says what is wrong and what to do next.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns the member `asked`: false if the registry was not asked.
    fn asked(&self) -> Option<bool> {
        self.cause.filter(|cause| !cause.was_asked()).map(|_| false)
    }

    /// Returns the subject of the request, if its token is valid.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Sets the name of the request's field that is wrong.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(name.into());
        self
    }

    /// Sets why there is no verdict. The problem has the member `asked: false` if the registry was
    /// not asked. The cause itself is not shown.
    #[must_use]
    pub fn without_verdict(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Sets when to try again (`Retry-After`, RFC 9110 section 10.2.3), in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait).max(1)))
    }

    /// Sets the subject of the request, for the log line.
    #[must_use]
    pub fn by(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The store has logged the cause. The problem asks the caller to try again.
impl From<StoreError> for Problem {
    fn from(StoreError: StoreError) -> Self {
        Self::storage_unavailable()
    }
}

/// Returns the `type` of problems of this kind.
pub(crate) fn urn(kind: ProblemKind) -> String {
    format!("urn:connectivity:problem:{}", kind.slug())
}

/// The body of every error response (RFC 9457). Programs decide by `type`; `detail` is for people.
// The order of the fields is part of the API: clients have only ever seen this one.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Problem))]
pub(crate) struct ProblemBody {
    /// False if the registry was not asked, because it has failed repeatedly or its settings are
    /// invalid. Missing otherwise
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    asked: Option<bool>,
    /// What is wrong with this request, and what to do next
    detail: String,
    /// The field of the request that is wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    field: Option<Cow<'static, str>>,
    /// The request's id in the log, which is also in the response header `X-Request-Id`
    request_id: String,
    /// The HTTP status
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
    status: u16,
    /// The kind of problem in words, the same for all problems of this type
    title: &'static str,
    #[cfg_attr(feature = "openapi", schema(schema_with = types))]
    r#type: String,
}

/// Returns the schema of a problem's `type`.
#[cfg(feature = "openapi")]
fn types() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    let description = "The kind of problem. It never changes, so programs can rely on it";
    crate::schema::one_of(&ProblemKind::ALL.map(urn), description)
}

/// The body of a problem without its request id, in the extensions of a response.
#[derive(Clone, Debug)]
pub(crate) struct PendingProblem(ProblemBody);

impl PendingProblem {
    /// Returns the body with the request id.
    pub(crate) fn body(self, request_id: &str) -> Vec<u8> {
        let body = ProblemBody { request_id: request_id.to_owned(), ..self.0 };
        // Strings and a number always serialize.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let asked = self.asked();
        let mut response = status.into_response();
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        if status == StatusCode::UNAUTHORIZED {
            // Every 401 names an authentication scheme (RFC 9110 section 15.5.2). A challenge that the guard
            // has set takes precedence.
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(HeaderValue::from_static("Bearer"));
        }
        if let Some(subject) = self.subject {
            response.extensions_mut().insert(Subject(subject));
        }
        response.extensions_mut().insert(PendingProblem(ProblemBody {
            asked,
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
