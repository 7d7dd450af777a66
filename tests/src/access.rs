//! The application with service accounts, and a caller that logs in.

use crate::client::{Answer, Client, check_request};
use crate::host::Host;
use crate::proxy::Proxy;
use crate::servers::Servers;
use bytes::Bytes;
use govcarpeta_simulator::Simulator;
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

/// The secrets of the accounts that the tests have.
pub struct Secrets {
    /// Of `operator`: affiliation and documents.
    pub operator: &'static str,
    /// Of `root`: admin.
    pub root: &'static str,
    /// Of `bridge`: bridge.
    pub bridge: &'static str,
}

/// Not secrets of anything.
pub const SECRETS: Secrets =
    Secrets { operator: "the operator's secret", root: "the root's own secret", bridge: "the bridge's secret" };

/// The operator's.
pub const OPERATOR: &str = SECRETS.operator;

/// Where records and shared state are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// In the host's own SQLite.
    Embedded,
    /// In MariaDB and Redis.
    Servers,
}

/// The application, and what stands between it and its database.
pub struct Access {
    /// The application.
    pub host: Host,
    /// A caller.
    pub client: Client,
    _simulator: Simulator,
    servers: Option<(Servers, Proxy, String, u16)>,
}

/// What a login brings.
pub struct Pair {
    /// To call with.
    pub access: String,
    /// To get the next pair with.
    pub refresh: String,
}

/// The variable `service_accounts` of the tests.
pub fn service_accounts() -> String {
    json!([
        {"name": "operator", "secret": SECRETS.operator, "scopes": ["affiliation", "documents"]},
        {"name": "root", "secret": SECRETS.root, "scopes": ["admin"]},
        {"name": "bridge", "secret": SECRETS.bridge, "scopes": ["bridge"]},
    ])
    .to_string()
}

impl Access {
    /// Starts it, with further variables.
    ///
    /// # Panics
    /// Something does not start.
    pub async fn start(on: On, variables: &[(&'static str, &str)]) -> Self {
        let simulator = Simulator::start().await.expect("a simulator");
        let mut all = vec![
            ("registry_url", simulator.url()),
            ("service_accounts", service_accounts()),
            ("throttle_user", "1000000/hour".to_owned()),
            ("throttle_anon", "1000000/hour".to_owned()),
        ];
        let servers = match on {
            On::Embedded => None,
            On::Servers => {
                let servers = Servers::running();
                let proxy = Proxy::to(servers.mariadb.address()).await.expect("a proxy");
                let database = servers.fresh_database().await;
                let its = servers.variables(proxy.address(), &database);
                let cache = its.iter().find(|(name, _)| *name == "redis_database");
                let cache = cache.and_then(|(_, number)| number.parse().ok()).expect("a number");
                all.extend(its);
                Some((servers, proxy, database, cache))
            }
        };
        all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self { host: Host::start(&all, &[]), client: Client::default(), _simulator: simulator, servers }
    }

    /// The status of an affiliation check with this token.
    pub async fn check(&self, token: &str) -> u16 {
        let body = Bytes::from_static(br#"{"citizen_id": "1128456232"}"#);
        let request = check_request(&self.host.url("/api/v1/affiliation/check/"), token, body);
        self.client.send(request).await.status.as_u16()
    }

    /// Posts JSON without a token.
    ///
    /// # Panics
    /// The path is none.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(self.host.url(path)).header(header::CONTENT_TYPE, "application/json");
        self.client.send(request.body(Full::from(body.to_string())).expect("a request")).await
    }

    /// Posts a form.
    ///
    /// # Panics
    /// A header is none.
    pub async fn form(&self, path: &str, headers: &[(&str, String)], form: &str) -> Answer {
        let mut request = Request::post(self.host.url(path));
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.client.send(request.body(Full::from(form.to_owned())).expect("a request")).await
    }

    /// Calls with a token; a body that is null is none.
    ///
    /// # Panics
    /// The token cannot be in a request.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(self.host.url(path));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.client.send(request.body(Full::from(body)).expect("a request")).await
    }

    /// Logs in as the older service's clients do.
    ///
    /// # Panics
    /// There are no tokens.
    pub async fn pair(&self, name: &str, secret: &str) -> Pair {
        let answer = self.post("/api/v1/token/", &json!({"username": name, "password": secret})).await;
        assert_eq!(answer.status, 200, "{answer:?} {:?}", self.host.log());
        let text = |name: &str| answer.json()[name].as_str().expect("a token").to_owned();
        Pair { access: text("access"), refresh: text("refresh") }
    }

    /// The form of a login by client credentials.
    pub fn login_form(&self, name: &str, secret: &str, scope: Option<&str>) -> String {
        let secret = secret.replace(' ', "+");
        let scope = scope.map(|scope| format!("&scope={}", scope.replace(' ', "+"))).unwrap_or_default();
        format!("grant_type=client_credentials&client_id={name}&client_secret={secret}{scope}")
    }

    /// An access token by client credentials.
    ///
    /// # Panics
    /// There is none.
    pub async fn granted(&self, name: &str, secret: &str, scope: Option<&str>) -> String {
        let answer = self.form("/oauth/token", &[], &self.login_form(name, secret, scope)).await;
        assert_eq!(answer.status, 200, "{answer:?} {:?}", self.host.log());
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// Asks the database, on servers.
    ///
    /// # Panics
    /// There is none.
    pub async fn ask(&self, sql: &str) -> Vec<String> {
        let (servers, _, database, _) = self.servers.as_ref().expect("servers");
        servers.ask(database, sql).await
    }

    /// Takes the database away.
    pub fn cut(&self) {
        if let Some((_, proxy, _, _)) = &self.servers {
            proxy.cut();
        }
    }

    /// Gives it back.
    pub fn restore(&self) {
        if let Some((_, proxy, _, _)) = &self.servers {
            proxy.restore();
        }
    }

    /// Empties Redis.
    pub fn empty_cache(&self) {
        if let Some((servers, _, _, cache)) = &self.servers {
            servers.empty_cache(*cache);
        }
    }
}
