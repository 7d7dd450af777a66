//! The HTTP client of the components.

mod batch;
mod problem;

use crate::batches::Post;
use crate::delivery::{self, Answer, Attempt, Delivered, HttpDelivery};
use crate::event::Event;
use crate::http;
use crate::job::Job;
use crate::message::Message;
use crate::retention::{self, Processed};
use crate::text::http_cause;
use crate::token::Tokens;
use crate::trace::Span;
use async_trait::async_trait;
use batch::{Answers, Batch};
use connectivity_domain::job::settlement::Reply;
use problem::Problem;
use reqwest::{RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long the components may take to answer: longer than all attempts at the registry and the
/// database.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the components may take to answer a question about the outbox, which costs them a
/// statement. It is asked once a second. If the answer is missing, packets are dropped on the way:
/// new connections take the place of all others, and what was asked on those is given up.
const OUTBOX_TIMEOUT: Duration = Duration::from_secs(7);

/// How long `/oauth/token` may take to answer.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

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

/// Where messages are processed.
#[async_trait]
pub(crate) trait Deliver: Send + Sync {
    /// Delivers a message. Its body is sent as it is.
    async fn deliver(&self, message: &Message, attempt: Attempt, span: &Span) -> Delivered;
}

/// The client. Its connections are kept open.
pub(crate) struct Components {
    http: Mutex<reqwest::Client>,
    tls: Arc<ClientConfig>,
    /// Changes when the connections are replaced.
    replaced: watch::Sender<()>,
    outbox_timeout: Duration,
    url: String,
    tokens: Tokens,
}

fn client(tls: &ClientConfig, timeout: Duration) -> reqwest::ClientBuilder {
    http::client(tls).timeout(timeout).connect_timeout(CONNECT_TIMEOUT)
}

impl Components {
    pub(crate) fn new(
        url: &str,
        tls: &Arc<ClientConfig>,
        tokens: impl FnOnce(reqwest::Client) -> Tokens,
    ) -> Result<Self, reqwest::Error> {
        let http = Mutex::new(client(tls, TIMEOUT).build()?);
        // Tokens are asked for seldom, each on a connection of its own, which cannot have died before.
        let tokens = tokens(client(tls, TOKEN_TIMEOUT).pool_max_idle_per_host(0).build()?);
        let (tls, replaced) = (Arc::clone(tls), watch::Sender::new(()));
        Ok(Self { http, tls, replaced, outbox_timeout: OUTBOX_TIMEOUT, url: url.to_owned(), tokens })
    }

    /// Leases events of a job's outbox. With `waiting` the components tell how long records have
    /// been waiting.
    pub(crate) async fn lease(&self, job: &Job, limit: usize, waiting: bool) -> Result<Leased, Reply> {
        let request = self.post_to(&job.outbox_path()).json(&json!({"limit": limit, "waiting": waiting}));
        let leasing = async { read(self.send(request).await?).await };
        let leased = tokio::time::timeout(self.outbox_timeout, leasing).await;
        leased.unwrap_or_else(|_| {
            self.replace_connections();
            Err(silent())
        })
    }

    /// Gives up all connections and what was asked on them.
    fn replace_connections(&self) {
        tracing::warn!(
            "the components did not answer within {:?}: their connections are replaced",
            self.outbox_timeout
        );
        match client(&self.tls, TIMEOUT).build() {
            Ok(http) => *self.http.lock().unwrap_or_else(PoisonError::into_inner) = http,
            Err(error) => tracing::warn!(cause = %error, "no new HTTP client"),
        }
        self.replaced.send_replace(());
    }

    /// Marks the events of these records as published.
    pub(crate) async fn mark_published(&self, job: &Job, results: &[String], requests: &[String]) -> Result<(), Reply> {
        let path = format!("{}/published", job.outbox_path());
        let request = self.post_to(&path).json(&json!({"results": results, "requests": requests}));
        successful(self.send(request).await?).await.map(|_| ())
    }

    fn post_to(&self, path: &str) -> RequestBuilder {
        self.http.lock().unwrap_or_else(PoisonError::into_inner).post(format!("{}{path}", self.url))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Reply> {
        let token = self.tokens.get().await.map_err(|error| Reply::None(error.to_string()))?;
        let mut replaced = self.replaced.subscribe();
        let response = tokio::select! {
            response = request.bearer_auth(token).send() => response.map_err(no_reply)?,
            _ = replaced.changed() => return Err(silent()),
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            self.tokens.forget();
        }
        Ok(response)
    }
}

#[async_trait]
impl Post for Components {
    async fn post(&self, job: &Job, HttpDelivery { headers, body }: &HttpDelivery) -> Answer {
        let request = self.post_to(&job.delivery_path()).headers(headers.clone()).body(body.clone());
        match self.send(request).await {
            Ok(response) => {
                let status = Some(response.status().as_u16());
                let request_id = delivery::request_id(response.headers());
                Answer { status, delivered: Delivered::new(read(response).await, request_id) }
            }
            Err(reply) => Answer { status: None, delivered: Delivered::new(Err(reply), None) },
        }
    }

    async fn post_all(&self, job: &Job, deliveries: &[Arc<HttpDelivery>]) -> Result<Vec<Answer>, Reply> {
        let batch = Batch::new(deliveries).ok_or_else(|| Reply::None("a body is not text".to_owned()))?;
        let response = self.send(self.post_to(&job.batch_path()).json(&batch)).await?;
        let Answers { deliveries } = read(response).await?;
        Ok(deliveries.into_iter().map(Answer::from).collect())
    }
}

impl retention::Batches for Components {
    async fn expire(&self, path: &str, after: &str) -> Result<Processed, Reply> {
        read(self.send(self.post_to(path).json(&json!({"after": after}))).await?).await
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
    let problem: Problem = response.json().await.unwrap_or_default();
    Err(problem.reply(status, seconds))
}

/// The reply of components whose connections were given up.
fn silent() -> Reply {
    Reply::None("the components did not answer, and new connections to them are opened".to_owned())
}

fn no_reply(error: reqwest::Error) -> Reply {
    Reply::None(http_cause(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job;
    use crate::settings::Credentials;
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    #[tokio::test]
    async fn missing_answer_about_the_outbox_gives_up_what_was_asked_on_other_connections() {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // It accepts connections and never answers.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let [secret, issuer, audience] = ["a secret of 32 bytes, or of more", "i", "a"].map(str::to_owned);
        let tokens = |http| Tokens::new(Credentials::Secret { secret, issuer, audience }, "bridge", &url, http);
        let mut components = Components::new(&url, &http::any_tls(), tokens).expect("a client");
        components.outbox_timeout = Duration::from_millis(100);
        let job = job::table("q".to_owned(), "k".to_owned(), None).remove(0);
        let delivery = HttpDelivery { headers: HeaderMap::new(), body: Bytes::new() };
        let (answer, leased) = tokio::join!(components.post(&job, &delivery), components.lease(&job, 1, false));
        assert_eq!((answer.delivered.reply, leased.err()), (silent(), Some(silent())));
    }
}
