//! Forms and clients of `/oauth/…`, and the errors that RFC 6749 section 5.2 gives them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectivity_kit::problem::Problem;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

/// Why a call of `/oauth/…` is refused.
#[derive(Debug)]
pub(crate) enum OAuthError {
    /// By the protocol: a code of its own, and a sentence for a developer.
    Refused { code: &'static str, description: &'static str, status: StatusCode, challenge: bool },
    /// By the service: too often, or not at the moment.
    Problem(Problem),
}

impl OAuthError {
    /// The request lacks or repeats something.
    pub(crate) fn request(description: &'static str) -> Self {
        Self::because("invalid_request", description)
    }

    /// An error with that code.
    pub(crate) fn because(code: &'static str, description: &'static str) -> Self {
        Self::Refused { code, description, status: StatusCode::BAD_REQUEST, challenge: false }
    }

    /// The client is none, or not who it says.
    pub(crate) fn client() -> Self {
        let description = "no active client has this id and secret";
        let status = StatusCode::UNAUTHORIZED;
        Self::Refused { code: "invalid_client", description, status, challenge: true }
    }
}

/// An error of the protocol (RFC 6749 section 5.2).
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema), schema(as = OAuthError))]
pub(crate) struct ErrorBody {
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::error_code))]
    error: &'static str,
    /// A sentence for a developer
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

/// The parameters of a form, each given once.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, OAuthError> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = value.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::request("send the body as Content-Type: application/x-www-form-urlencoded"));
        }
        let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let repeats = |(index, (name, _)): (usize, &(String, String))| pairs[..index].iter().any(|(it, _)| it == name);
        if pairs.iter().enumerate().any(repeats) {
            return Err(OAuthError::request("give each parameter at most once"));
        }
        Ok(Self(pairs))
    }

    /// A parameter's value; one without a value counts as not given (RFC 6749 section 3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// What a client says it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Client {
    /// The client's id and secret, by HTTP Basic or in the form, never both (RFC 6749 section 2.3.1); `None`: neither.
    pub(crate) fn read(headers: &HeaderMap, form: &Form) -> Result<Option<Self>, OAuthError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let basic = match (values.next(), values.next()) {
            (None, _) => None,
            (Some(value), None) => Some(Self::basic(value).ok_or_else(OAuthError::client)?),
            (Some(_), Some(_)) => return Err(OAuthError::request("give one Authorization header")),
        };
        match (basic, form.get("client_id"), form.get("client_secret")) {
            (Some(basic), None, None) => Ok(Some(basic)),
            (Some(basic), Some(id), None) if basic.id == id => Ok(Some(basic)),
            (Some(_), _, _) => Err(OAuthError::request("authenticate by one method: Basic, or client_secret")),
            (None, Some(id), Some(secret)) => Ok(Some(Self { id: id.to_owned(), secret: secret.to_owned() })),
            (None, None, None) => Ok(None),
            (None, _, _) => Err(OAuthError::client()),
        }
    }

    fn basic(value: &HeaderValue) -> Option<Self> {
        let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some(Self { id: decoded(id), secret: decoded(secret) })
    }
}

/// What was encoded as a form's value before it was put into Basic.
fn decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
