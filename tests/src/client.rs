//! A client of the API.

use crate::host::SECRET;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time limit for a response. Every test expects one sooner.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);

/// A complete response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Returns the body as JSON, or `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why there was no whole response.
pub type NoAnswer = Box<dyn std::error::Error + Send + Sync>;

/// An HTTP client that pools connections.
#[derive(Clone)]
pub struct Client(HyperClient<HttpConnector, Full<Bytes>>);

impl Default for Client {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(HyperClient::builder(TokioExecutor::new()).build(connector))
    }
}

impl Client {
    /// Sends a request and reads the response.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request, RESPONSE_TIMEOUT).await.expect("a whole answer within a minute")
    }

    /// Sends a request and reads the response within `limit`.
    pub async fn try_send(&self, request: Request<Full<Bytes>>, limit: Duration) -> Result<Answer, NoAnswer> {
        let exchange = async {
            let (parts, body) = self.0.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(limit, exchange).await?
    }

    /// Sends `body` to the affiliation check with a valid token.
    pub async fn check_raw(&self, url: &str, body: impl Into<Bytes>) -> Answer {
        self.send(check_request(url, &token(), body.into())).await
    }

    /// Checks a citizen with a valid token.
    pub async fn check(&self, url: &str, citizen: &str) -> Answer {
        self.check_raw(url, json!({"citizen_id": citizen}).to_string()).await
    }

    /// Sends a GET request with a valid token.
    pub async fn get(&self, url: &str) -> Answer {
        let request = Request::get(url).header(header::AUTHORIZATION, format!("Bearer {}", token()));
        self.send(request.body(Full::default()).expect("a request")).await
    }
}

/// Returns a request to the affiliation check.
pub fn check_request(url: &str, token: &str, body: Bytes) -> Request<Full<Bytes>> {
    Request::post(url)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .expect("a request")
}

/// Returns the current Unix time in seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Returns the claims of a valid access token.
pub fn claims() -> Value {
    json!({"iss": "connectivity", "aud": "connectivity", "sub": "tests", "exp": now() + 900, "nbf": now(), "iat": now(),
           "jti": uuid::Uuid::new_v4().to_string(), "token_type": "access", "scope": "affiliation documents"})
}

/// Returns a valid access token.
pub fn token() -> String {
    sign(&claims(), Algorithm::HS256, SECRET)
}

/// Returns a token with these claims.
pub fn sign(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
}
