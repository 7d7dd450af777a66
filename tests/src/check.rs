//! What the tests of the affiliation check begin with.

use crate::access::On;
use crate::client::{Answer, Client};
use crate::host::Host;
use crate::proxy::Proxy;
use crate::servers::Servers;
use govcarpeta_simulator::Simulator;
use serde_json::Value;

/// Where a check is asked for.
pub const CHECK: &str = "/api/v1/affiliation/check/";

/// The application, its registry, and what stands between it and its servers.
pub struct Scene {
    /// The application.
    pub host: Host,
    /// The registry.
    pub simulator: Simulator,
    /// Who calls.
    pub client: Client,
    /// What stands before MariaDB, and the name of its database.
    pub database: Option<(Proxy, String)>,
}

impl Scene {
    /// The application and a registry of its own.
    ///
    /// # Panics
    /// They do not start.
    pub async fn new(on: On, variables: &[(&str, &str)]) -> Self {
        let simulator = Simulator::start().await.expect("a simulator");
        let url = simulator.url();
        Self::asking(on, simulator, &url, variables).await
    }

    /// The application asks `registry`, which may be no registry at all.
    ///
    /// # Panics
    /// It does not start.
    pub async fn asking(on: On, simulator: Simulator, registry: &str, variables: &[(&str, &str)]) -> Self {
        let mut all: Vec<(&str, String)> = vec![
            ("registry_url", registry.to_owned()),
            ("registry_timeout_ms", "400".to_owned()),
            ("throttle_user", "1000000/hour".to_owned()),
        ];
        let database = match on {
            On::Embedded => None,
            On::Servers => {
                let servers = Servers::running();
                let proxy = Proxy::to(servers.mariadb.address()).await.expect("a proxy");
                let name = servers.fresh_database().await;
                all.extend(servers.variables(proxy.address(), &name));
                Some((proxy, name))
            }
        };
        all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self { host: Host::start(&all, &[]), simulator, client: Client::default(), database }
    }

    /// Checks a citizen.
    pub async fn check(&self, citizen: &str) -> Answer {
        self.client.check(&self.host.url(CHECK), citizen).await
    }

    /// What was recorded of a citizen.
    pub async fn history(&self, citizen: &str) -> Vec<Value> {
        let path = format!("/api/v1/affiliation/history/?citizen_id={citizen}");
        let answer = self.client.get(&self.host.url(&path)).await;
        answer.json()["results"].as_array().cloned().unwrap_or_default()
    }
}

/// The answer is this problem, and no verdict.
///
/// # Panics
/// It is not.
pub fn expect_problem(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.json()["type"], format!("urn:connectivity:problem:{slug}"));
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
    assert!(!answer.body.windows(11).any(|bytes| bytes == b"is_eligible"));
}
