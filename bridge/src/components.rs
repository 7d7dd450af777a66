//! The components, over HTTP.

use crate::message::{Headers, Message, Request, TRACEPARENT, TRACESTATE};
use crate::token::Tokens;
use crate::trace::{Fault, Span};
use connectivity_domain::document::DocumentStatus;
use connectivity_domain::document::settlement::Reply;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the components may take over one request: longer than the registry's tries and the database's.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(3);

/// Where requests are delivered.
const DELIVERIES: &str = "/internal/v1/document-authentications";

/// Something to publish.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Event {
    /// The record's id.
    pub(crate) id: String,
    pub(crate) kind: EventKind,
    /// None for a request: its key is the bridge's affair.
    pub(crate) routing_key: Option<String>,
    message_id: String,
    body: Value,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

/// What is to be published of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventKind {
    /// That it is finished.
    Result,
    /// That it came over HTTP, and is to be worked on.
    Request,
}

impl Event {
    /// The message that says so.
    pub(crate) fn message(&self) -> Message {
        let traces = [(TRACEPARENT, &self.traceparent), (TRACESTATE, &self.tracestate)];
        let headers = traces.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        Message { body: self.body.to_string().into(), id: Some(self.message_id.clone()), headers: headers.collect() }
    }
}

#[derive(Deserialize)]
struct Delivered {
    status: String,
    event: Event,
}

#[derive(Deserialize)]
struct Leased {
    events: Vec<Event>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
}

/// The components. One client, whose connections are kept.
pub(crate) struct Components {
    http: reqwest::Client,
    url: String,
    tokens: Tokens,
}

impl Components {
    pub(crate) fn new(url: &str, tokens: impl FnOnce(reqwest::Client) -> Tokens) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(PATIENCE).connect_timeout(CONNECTING).no_proxy().build()?;
        Ok(Self { url: url.to_owned(), tokens: tokens(http.clone()), http })
    }

    /// Has a request authenticated. The event is that of a finished one.
    pub(crate) async fn deliver(
        &self,
        message: &Message,
        request: &Request,
        last: bool,
        span: &Span,
    ) -> (Reply, Option<Event>) {
        let body = json!({"message_id": request.id.as_str(), "message": request.object, "last": last});
        let call = Call::of(message, span.call(DELIVERIES));
        match self.post::<Delivered>(DELIVERIES, &body, &call).await {
            Ok(delivered) => match DocumentStatus::parse(&delivered.status) {
                Some(status) => (Reply::Finished(status), Some(delivered.event)),
                None => (call.failed(Reply::None), None),
            },
            Err(reply) => (call.failed(reply), None),
        }
    }

    /// Takes what has to be published.
    pub(crate) async fn lease(&self, limit: usize) -> Result<Vec<Event>, Reply> {
        let leased = self.post::<Leased>("/internal/v1/outbox", &json!({"limit": limit}), &Call::untraced()).await?;
        Ok(leased.events)
    }

    /// Says what has been published.
    pub(crate) async fn published(&self, results: &[String], requests: &[String]) -> Result<(), Reply> {
        let body = json!({"results": results, "requests": requests});
        self.send("/internal/v1/outbox/published", &body, &Call::untraced()).await.map(|_| ())
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, call: &Call) -> Result<T, Reply> {
        let response = self.send(path, body, call).await?;
        response.json().await.map_err(|error| none(&error))
    }

    async fn send(&self, path: &str, body: &Value, call: &Call) -> Result<reqwest::Response, Reply> {
        let token = self.tokens.get().await.map_err(|error| {
            tracing::warn!(cause = %error, "no token");
            Reply::None
        })?;
        let mut request = self.http.post(format!("{}{path}", self.url)).bearer_auth(token).json(body);
        for (name, value) in &call.headers {
            // What others have put into a message's headers need not be fit for HTTP's.
            if let Ok(value) = HeaderValue::from_str(value) {
                request = request.header(name, value);
            }
        }
        let response = request.send().await.map_err(|error| none(&error))?;
        call.span.answered(response.status().as_u16());
        if response.status().is_success() {
            return Ok(response);
        }
        if response.status() == reqwest::StatusCode::UNAUTHORIZED {
            self.tokens.forget();
        }
        Err(problem(response).await)
    }
}

/// What a call belongs to.
struct Call {
    span: Span,
    headers: Headers,
}

impl Call {
    /// For a message.
    fn of(message: &Message, span: Span) -> Self {
        let mut headers = message.trace();
        span.write(&mut headers);
        Self { span, headers }
    }

    /// For no message in particular.
    fn untraced() -> Self {
        Self { span: Span::none(), headers: Headers::new() }
    }

    fn failed(&self, reply: Reply) -> Reply {
        self.span.fail(Fault::of(&reply));
        reply
    }
}

fn none(error: &reqwest::Error) -> Reply {
    tracing::debug!(cause = %error, "no answer");
    Reply::None
}

async fn problem(response: reqwest::Response) -> Reply {
    let status = response.status().as_u16();
    let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let Problem { kind, detail } = response.json().await.unwrap_or_default();
    let slug = kind.rsplit(':').next().unwrap_or_default().to_owned();
    Reply::Problem { status, slug, detail, retry_after: seconds.map(Duration::from_secs) }
}
