//! The errors of `/oauth/…` (RFC 6749 section 5.2).

use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_edge::problem::Problem;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// Why a request to `/oauth/…` is refused.
#[derive(Debug)]
pub(crate) enum OAuthError {
    /// An error that the protocol defines, with its code and a sentence for developers.
    Refused { code: &'static str, description: &'static str, status: StatusCode, challenge: bool },
    /// Any other problem: a rate limit is exceeded, or the service cannot respond at the moment.
    Problem(Problem),
}

impl OAuthError {
    /// A parameter is missing, repeated or invalid.
    pub(crate) fn request(description: &'static str) -> Self {
        Self::because("invalid_request", description)
    }

    pub(crate) fn because(code: &'static str, description: &'static str) -> Self {
        Self::Refused { code, description, status: StatusCode::BAD_REQUEST, challenge: false }
    }

    /// The client is unknown or disabled, or its secret is wrong.
    pub(crate) fn client() -> Self {
        let description = "the client id or the secret is wrong, or the client is disabled";
        let status = StatusCode::UNAUTHORIZED;
        Self::Refused { code: "invalid_client", description, status, challenge: true }
    }
}

/// An error that the protocol defines (RFC 6749 section 5.2).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = OAuthError))]
pub(crate) struct ErrorBody {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::error_code))]
    error: &'static str,
    /// A sentence for developers
    error_description: &'static str,
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Refused { code, description, status, challenge } => {
                let body = ErrorBody { error: code, error_description: description };
                let mut response = (status, Json(body)).into_response();
                if challenge {
                    let value = HeaderValue::from_static("Basic realm=\"connectivity\", charset=\"UTF-8\"");
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
                }
                response
            }
        }
    }
}
