//! The HTTP client of the components.

use crate::delivery::{self, Attempt, Delivered};
use crate::event::Event;
use crate::job::Job;
use crate::message::Message;
use crate::retention::{Batches, Processed};
use crate::text::http_cause;
use crate::token::Tokens;
use crate::trace::{Fault, Span};
use async_trait::async_trait;
use connectivity_domain::job::settlement::Reply;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::time::Duration;

/// How long the components may take to answer: longer than all attempts at the registry and the
/// database.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What the components lease from the outbox of a job.
#[derive(Deserialize)]
pub(crate) struct Leased {
    pub(crate) events: Vec<Event>,
    /// The age of the oldest record without a verdict.
    #[serde(default)]
    pub(crate) oldest_pending_seconds: Option<f64>,
    /// The time since the oldest result that is not marked as published was recorded.
    #[serde(default)]
    pub(crate) oldest_unpublished_seconds: Option<f64>,
}

/// A problem (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    /// False if the registry was not asked. See [`Reply::Problem`].
    asked: Option<bool>,
}

/// Where messages are processed.
#[async_trait]
pub(crate) trait Deliver: Send + Sync {
    /// Delivers a message. Its body is sent as it is.
    async fn deliver(&self, job: &Job, message: &Message, attempt: Attempt, span: &Span) -> Delivered;
}

/// The client. Its connections are kept open.
pub(crate) struct Components {
    http: reqwest::Client,
    url: String,
    tokens: Tokens,
}

impl Components {
    pub(crate) fn new(url: &str, tokens: impl FnOnce(reqwest::Client) -> Tokens) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT).no_proxy().build()?;
        Ok(Self { url: url.to_owned(), tokens: tokens(http.clone()), http })
    }

    /// Leases events of a job's outbox. With `waiting` the components tell how long records have
    /// been waiting.
    pub(crate) async fn lease(&self, job: &Job, limit: usize, waiting: bool) -> Result<Leased, Reply> {
        let request = self.post(&job.outbox_path()).json(&json!({"limit": limit, "waiting": waiting}));
        read(self.send(request).await?).await
    }

    /// Marks the events of these records as published.
    pub(crate) async fn mark_published(&self, job: &Job, results: &[String], requests: &[String]) -> Result<(), Reply> {
        let path = format!("{}/published", job.outbox_path());
        let request = self.post(&path).json(&json!({"results": results, "requests": requests}));
        successful(self.send(request).await?).await.map(|_| ())
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Reply> {
        let token = self.tokens.get().await.map_err(|error| Reply::None(error.to_string()))?;
        let response = request.bearer_auth(token).send().await.map_err(no_reply)?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.tokens.forget();
        }
        Ok(response)
    }
}

#[async_trait]
impl Deliver for Components {
    async fn deliver(&self, job: &Job, message: &Message, attempt: Attempt, span: &Span) -> Delivered {
        let path = job.delivery_path();
        let span = span.call(&path);
        let trace = span.trace().or_else(|| message.trace.clone());
        let headers = delivery::headers(message, attempt, trace.as_ref());
        let request = self.post(&path).headers(headers).body(message.body.clone());
        let delivered = match self.send(request).await {
            Ok(response) => {
                span.set_http_status(response.status().as_u16());
                let request_id = delivery::request_id(response.headers());
                Delivered::new(read(response).await, request_id)
            }
            Err(reply) => Delivered::new(Err(reply), None),
        };
        span.set_fault(Fault::from_reply(&delivered.reply));
        delivered
    }
}

impl Batches for Components {
    async fn expire(&self, path: &str, after: &str) -> Result<Processed, Reply> {
        read(self.send(self.post(path).json(&json!({"after": after}))).await?).await
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Reply> {
    successful(response).await?.json().await.map_err(no_reply)
}

/// Returns a successful response, or the problem in any other one.
async fn successful(response: Response) -> Result<Response, Reply> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let Problem { kind, detail, asked } = response.json().await.unwrap_or_default();
    let slug = kind.rsplit(':').next().unwrap_or_default().to_owned();
    Err(Reply::Problem {
        status,
        slug,
        detail,
        retry_after: seconds.map(Duration::from_secs),
        asked: asked.unwrap_or(true),
    })
}

fn no_reply(error: reqwest::Error) -> Reply {
    Reply::None(http_cause(error))
}
