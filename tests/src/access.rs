//! The application with service accounts, and a client that logs in.

use crate::backend::{Backend, On};
use crate::client::{Answer, Client, check_request};
use crate::host::Host;
use bytes::Bytes;
use govcarpeta_simulator::Simulator;
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

/// The secrets of the tests' service accounts.
pub struct Secrets {
    /// Of the account `operator` with the scopes `affiliation` and `documents`.
    pub operator: &'static str,
    /// Of the account `root` with the scope `admin`.
    pub root: &'static str,
    /// Of the account `bridge` with the scope `bridge`.
    pub bridge: &'static str,
}

/// Test values: they protect nothing.
pub const SECRETS: Secrets =
    Secrets { operator: "the operator's secret", root: "the root's own secret", bridge: "the bridge's secret" };

pub const OPERATOR: &str = SECRETS.operator;

/// A running application with the accounts of [`SECRETS`].
pub struct Access {
    pub host: Host,
    pub client: Client,
    _simulator: Simulator,
    backend: Option<Backend>,
}

/// The tokens of one login.
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

/// Returns the value of the variable `service_accounts`.
pub fn service_accounts() -> String {
    json!([
        {"name": "operator", "secret": SECRETS.operator, "scopes": ["affiliation", "documents"]},
        {"name": "root", "secret": SECRETS.root, "scopes": ["admin"]},
        {"name": "bridge", "secret": SECRETS.bridge, "scopes": ["bridge"]},
    ])
    .to_string()
}

impl Access {
    /// Starts the application with further variables.
    pub async fn start(on: On, variables: &[(&'static str, &str)]) -> Self {
        let simulator = Simulator::start().await.expect("a simulator");
        let mut all = vec![
            ("registry_url", simulator.url()),
            ("service_accounts", service_accounts()),
            ("throttle_user", "1000000/hour".to_owned()),
            ("throttle_anon", "1000000/hour".to_owned()),
            ("throttle_logins", "1000/second".to_owned()),
        ];
        let backend = Backend::start(on).await;
        all.extend(backend.iter().flat_map(Backend::variables));
        all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self { host: Host::start(&all, &[]), client: Client::default(), _simulator: simulator, backend }
    }

    /// Returns the backend of an application that was started with [`On::Servers`].
    pub fn backend(&self) -> &Backend {
        self.backend.as_ref().expect("On::Servers")
    }

    /// Checks a citizen with this token and returns the status.
    pub async fn check(&self, token: &str) -> u16 {
        let body = Bytes::from_static(br#"{"citizen_id": "1128456232"}"#);
        let request = check_request(&self.host.url("/api/v1/affiliation/check/"), token, body);
        self.client.send(request).await.status.as_u16()
    }

    /// Posts JSON without a token.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(self.host.url(path)).header(header::CONTENT_TYPE, "application/json");
        self.client.send(request.body(Full::from(body.to_string())).expect("a request")).await
    }

    /// Posts a form.
    pub async fn form(&self, path: &str, headers: &[(&str, String)], form: &str) -> Answer {
        let mut request = Request::post(self.host.url(path));
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.client.send(request.body(Full::from(form.to_owned())).expect("a request")).await
    }

    /// Sends a request with a token. A `null` body is sent as an empty one.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(self.host.url(path));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.client.send(request.body(Full::from(body)).expect("a request")).await
    }

    /// Logs in at `/api/v1/token/`, as the clients of the older service do.
    pub async fn pair(&self, name: &str, secret: &str) -> Pair {
        let answer = self.post("/api/v1/token/", &json!({"username": name, "password": secret})).await;
        assert_eq!(answer.status, 200, "{answer:?} {:?}", self.host.log());
        let text = |name: &str| answer.json()[name].as_str().expect("a token").to_owned();
        Pair { access: text("access"), refresh: text("refresh") }
    }

    /// Returns the form of a login with client credentials.
    pub fn login_form(&self, name: &str, secret: &str, scope: Option<&str>) -> String {
        let secret = secret.replace(' ', "+");
        let scope = scope.map(|scope| format!("&scope={}", scope.replace(' ', "+"))).unwrap_or_default();
        format!("grant_type=client_credentials&client_id={name}&client_secret={secret}{scope}")
    }

    /// Returns an access token for client credentials.
    pub async fn granted(&self, name: &str, secret: &str, scope: Option<&str>) -> String {
        let answer = self.form("/oauth/token", &[], &self.login_form(name, secret, scope)).await;
        assert_eq!(answer.status, 200, "{answer:?} {:?}", self.host.log());
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }
}
