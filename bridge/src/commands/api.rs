//! The client of the components' API for the commands.

use crate::http;
use crate::settings::ApiSettings;
use crate::text::http_cause;
use crate::token::{TokenError, Tokens};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// How long the components may take to answer. Hashing a secret takes them tens of milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("cannot make the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("the request to the components at COMPONENTS_URL failed: {0}")]
    Http(String),
    #[error("COMPONENTS_URL answered {0} without JSON: check that it is the address of the components")]
    NotJson(StatusCode),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the components rejected the request ({0}): {1}")]
    Refused(StatusCode, String),
    #[error("old records could not be deleted: {0}")]
    Retention(String),
}

/// A response with a JSON body.
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Response {
    /// Returns the error that a response with another status than 2xx is.
    pub(super) fn refused(&self) -> ApiError {
        let detail = self.body["detail"].as_str().unwrap_or("no reason was given");
        ApiError::Refused(self.status, detail.to_owned())
    }
}

/// The client.
pub(crate) struct Api {
    http: reqwest::Client,
    url: String,
    tokens: Tokens,
}

impl Api {
    pub(crate) fn new(settings: ApiSettings) -> Result<Self, ApiError> {
        let http = http::client(&settings.tls).timeout(TIMEOUT).build()?;
        let tokens = Tokens::new(settings.credentials, settings.scope, &settings.components_url, http.clone());
        Ok(Self { url: settings.components_url, http, tokens })
    }

    /// Calls the API. `path` begins with a slash.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, ApiError> {
        let response = self.send(method, path, body.as_ref(), TIMEOUT).await?;
        if response.status.is_success() { Ok(response.body) } else { Err(response.refused()) }
    }

    /// Sends a request and reads the response, whatever its status.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Response, ApiError> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).timeout(timeout);
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |error| ApiError::Http(http_cause(error));
        let response = request.bearer_auth(self.tokens.get().await?).send().await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(failed)?;
        let body = serde_json::from_slice(&body).map_err(|_| ApiError::NotJson(status))?;
        Ok(Response { status, headers, body })
    }

    /// Has the next request get a new access token, because this one was rejected.
    pub(super) fn forget_token(&self) {
        self.tokens.forget();
    }
}
