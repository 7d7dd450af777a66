//! The HTTP client of the components.

use crate::event::Event;
use crate::message::{Message, Request, trace_headers};
use crate::token::Tokens;
use crate::trace::{Fault, Span};
use connectivity_domain::job::Status;
use connectivity_domain::job::settlement::Reply;
use connectivity_domain::trace::TraceContext;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the components may take to answer: longer than all attempts at the registry and the database.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The path to which requests are delivered.
const DELIVERIES: &str = "/internal/v1/document-authentications";

#[derive(Deserialize)]
struct Delivered {
    status: String,
    event: Event,
}

#[derive(Deserialize)]
struct Leased {
    events: Vec<Event>,
}

/// A problem (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
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

    /// Delivers a request. Returns the reply, and the event of a finished request.
    pub(crate) async fn deliver(
        &self,
        message: &Message,
        request: &Request,
        last: bool,
        span: &Span,
    ) -> (Reply, Option<Event>) {
        let body = json!({"message_id": request.id.as_str(), "message": request.object, "last": last});
        let span = span.call(DELIVERIES);
        let call = Call { trace: span.trace().or_else(|| message.trace.clone()), span };
        match self.post::<Delivered>(DELIVERIES, &body, &call).await {
            Ok(delivered) => match Status::parse(&delivered.status) {
                Some(status) => (Reply::from_status(status), Some(delivered.event)),
                None => (call.failed(Reply::None), None),
            },
            Err(reply) => (call.failed(reply), None),
        }
    }

    /// Leases events of the outbox.
    pub(crate) async fn lease(&self, limit: usize) -> Result<Vec<Event>, Reply> {
        let leased = self.post::<Leased>("/internal/v1/outbox", &json!({"limit": limit}), &Call::untraced()).await?;
        Ok(leased.events)
    }

    /// Marks the events of these records as published.
    pub(crate) async fn mark_published(&self, results: &[String], requests: &[String]) -> Result<(), Reply> {
        let body = json!({"results": results, "requests": requests});
        self.send("/internal/v1/outbox/published", &body, &Call::untraced()).await.map(|_| ())
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, call: &Call) -> Result<T, Reply> {
        let response = self.send(path, body, call).await?;
        response.json().await.map_err(|error| no_reply(&error))
    }

    async fn send(&self, path: &str, body: &Value, call: &Call) -> Result<reqwest::Response, Reply> {
        let token = self.tokens.get().await.map_err(|error| {
            tracing::warn!(cause = %error, "no access token for the components");
            Reply::None
        })?;
        let mut request = self.http.post(format!("{}{path}", self.url)).bearer_auth(token).json(body);
        for (name, value) in trace_headers(call.trace.as_ref()) {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| no_reply(&error))?;
        call.span.set_http_status(response.status().as_u16());
        if response.status().is_success() {
            return Ok(response);
        }
        if response.status() == reqwest::StatusCode::UNAUTHORIZED {
            self.tokens.forget();
        }
        Err(problem(response).await)
    }
}

/// The span and the trace context of a call.
struct Call {
    span: Span,
    trace: Option<TraceContext>,
}

impl Call {
    /// A call that belongs to no message.
    fn untraced() -> Self {
        Self { span: Span::none(), trace: None }
    }

    fn failed(&self, reply: Reply) -> Reply {
        self.span.set_fault(Fault::from_reply(&reply));
        reply
    }
}

fn no_reply(error: &reqwest::Error) -> Reply {
    tracing::debug!(cause = %error, "the components did not answer");
    Reply::None
}

async fn problem(response: reqwest::Response) -> Reply {
    let status = response.status().as_u16();
    let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let Problem { kind, detail } = response.json().await.unwrap_or_default();
    let slug = kind.rsplit(':').next().unwrap_or_default().to_owned();
    Reply::Problem { status, slug, detail, retry_after: seconds.map(Duration::from_secs) }
}
