//! The application and its registry, for tests of the affiliation check.

use crate::backend::{Backend, On};
use crate::client::{Answer, Client, check_request};
use crate::host::Host;
use bytes::Bytes;
use govcarpeta_simulator::Simulator;
use http::{Request, header};
use http_body_util::Full;
use serde_json::Value;

pub const CHECK: &str = "/api/v1/affiliation/check/";

/// A running application and the registry that it asks.
pub struct Scene {
    pub host: Host,
    pub simulator: Simulator,
    pub client: Client,
    backend: Option<Backend>,
}

impl Scene {
    /// Starts the application with a registry of its own.
    pub async fn new(on: On, variables: &[(&'static str, &str)]) -> Self {
        Self::with_arguments(on, variables, &[]).await
    }

    /// Starts the application with further arguments of the host.
    pub async fn with_arguments(on: On, variables: &[(&'static str, &str)], arguments: &[&str]) -> Self {
        let simulator = Simulator::start().await.expect("a simulator");
        let url = simulator.url();
        Self::start(on, simulator, &url, variables, arguments).await
    }

    /// Starts an application that asks the registry at `registry`, which may be any server or none.
    pub async fn asking(on: On, simulator: Simulator, registry: &str, variables: &[(&'static str, &str)]) -> Self {
        Self::start(on, simulator, registry, variables, &[]).await
    }

    async fn start(
        on: On,
        simulator: Simulator,
        registry: &str,
        variables: &[(&'static str, &str)],
        arguments: &[&str],
    ) -> Self {
        let mut all = vec![
            ("registry_url", registry.to_owned()),
            ("registry_timeout_ms", "400".to_owned()),
            ("throttle_user", "1000000/hour".to_owned()),
        ];
        let backend = Backend::start(on).await;
        all.extend(backend.iter().flat_map(Backend::variables));
        all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self { host: Host::start(&all, arguments), simulator, client: Client::default(), backend }
    }

    /// Returns the backend of an application that was started with [`On::Servers`].
    pub fn backend(&self) -> &Backend {
        self.backend.as_ref().expect("On::Servers")
    }

    /// Checks a citizen with a valid token.
    pub async fn check(&self, citizen: &str) -> Answer {
        self.client.check(&self.host.url(CHECK), citizen).await
    }

    /// Checks a citizen with this token.
    pub async fn check_as(&self, token: &str) -> Answer {
        let body = Bytes::from_static(br#"{"citizen_id": "1128456232"}"#);
        self.client.send(check_request(&self.host.url(CHECK), token, body)).await
    }

    /// Sends a request without a body and with this token.
    pub async fn call_as(&self, token: &str, method: &str, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(self.host.url(path));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.client.send(request.body(Full::default()).expect("a request")).await
    }

    /// Returns the newest records of a citizen.
    pub async fn history(&self, citizen: &str) -> Vec<Value> {
        let path = format!("/api/v1/affiliation/history/?citizen_id={citizen}");
        let answer = self.client.get(&self.host.url(&path)).await;
        answer.json()["results"].as_array().cloned().unwrap_or_default()
    }
}

/// Asserts that the answer is this problem and has no verdict.
pub fn expect_problem(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.json()["type"], format!("urn:connectivity:problem:{slug}"));
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
    assert!(!answer.body.windows(11).any(|bytes| bytes == b"is_eligible"));
}
