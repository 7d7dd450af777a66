//! The permissions of each component in spin.toml must equal the ones listed here, and a hostile
//! registry plugin gets nothing beyond its own.

use connectivity_tests::backend::{Backend, On};
use connectivity_tests::check::CHECK;
use connectivity_tests::client::{Answer, Client, token};
use connectivity_tests::host::Host;
use connectivity_tests::manifest::manifest;
use connectivity_tests::plugin::{Capability, with_plugin, write};
use connectivity_tests::servers::{USER, root};
use govcarpeta_simulator::Simulator;
use http::Request;
use http_body_util::Full;
use std::collections::BTreeSet;
use toml::Value;

/// The permissions of a component.
struct Privileges {
    hosts: &'static [&'static str],
    databases: &'static [&'static str],
    /// Its dependencies, and the parts of its configuration that each inherits.
    dependencies: &'static [(&'static str, &'static [&'static str])],
}

const NOTHING: Privileges = Privileges { hosts: &[], databases: &[], dependencies: &[] };

fn expected(component: &str) -> Privileges {
    match component {
        "affiliation" => Privileges {
            hosts: &["{{ registry_url }}", "{{ mysql_address }}", "{{ redis_address }}", "{{ jwt_jwks_origin }}"],
            databases: &["default"],
            dependencies: &[("connectivity:registry/citizens@0.2.0", &["allowed_outbound_hosts"])],
        },
        "documents" => Privileges {
            hosts: &["{{ registry_url }}", "{{ mysql_address }}", "{{ redis_address }}", "{{ jwt_jwks_origin }}"],
            databases: &["default"],
            dependencies: &[("connectivity:registry/documents@0.2.0", &["allowed_outbound_hosts"])],
        },
        "auth" => Privileges {
            hosts: &["{{ mysql_address }}", "{{ redis_address }}", "{{ jwt_jwks_origin }}"],
            databases: &["default"],
            ..NOTHING
        },
        "ops" => Privileges {
            hosts: &[
                "{{ mysql_address }}",
                "{{ redis_address }}",
                "http://affiliation.spin.internal",
                "http://auth.spin.internal",
                "http://documents.spin.internal",
            ],
            databases: &["default"],
            ..NOTHING
        },
        // A plugin runs inside the components that import it and has no permissions of its own.
        "govcarpeta" => NOTHING,
        other => panic!("{other}: list its permissions here"),
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn each_component_has_exactly_the_listed_permissions() {
    for (name, component) in manifest()["component"].as_table().expect("components") {
        let privileges = expected(name);
        assert_eq!(texts(component.get("allowed_outbound_hosts")), privileges.hosts, "{name}");
        assert_eq!(texts(component.get("sqlite_databases")), privileges.databases, "{name}");
        for unused in ["key_value_stores", "files", "ai_models"] {
            assert!(component.get(unused).is_none(), "{name} has {unused}");
        }
        let dependencies = component.get("dependencies").and_then(Value::as_table).cloned().unwrap_or_default();
        let inherited: Vec<(&str, Vec<&str>)> = dependencies
            .iter()
            .map(|(interface, dependency)| (interface.as_str(), texts(dependency.get("inherit_configuration"))))
            .collect();
        let expected = privileges.dependencies.iter().map(|(interface, inherits)| (*interface, inherits.to_vec()));
        assert_eq!(inherited, expected.collect::<Vec<_>>(), "{name}");
        for host in texts(component.get("allowed_outbound_hosts")) {
            assert!(!host.contains('*'), "{name}: {host}");
        }
    }
}

#[test]
fn secret_variables_are_marked_and_have_no_default() {
    for (name, variable) in manifest()["variables"].as_table().expect("variables") {
        let secret =
            ["secret", "password", "api_key", "signing_key", "service_accounts"].iter().any(|word| name.contains(word));
        assert_eq!(variable.get("secret").and_then(Value::as_bool).unwrap_or(false), secret, "{name}");
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        assert!(!secret || default.is_empty(), "{name} has a default");
    }
}

#[test]
fn operations_show_the_circuit_breaker_of_each_plugin() {
    let manifest = manifest();
    let components = manifest["component"].as_table().expect("components");
    let dependencies = components.values().filter_map(|component| component.get("dependencies")?.as_table());
    let plugins = dependencies.flat_map(|table| table.values().filter_map(|it| it["component"].as_str()));
    let shown = components["ops"]["variables"]["registry_plugins"].as_str().expect("a text");
    assert_eq!(plugins.collect::<BTreeSet<_>>(), shown.split_whitespace().collect());
}

/// The application on servers, with the hostile plugin, which makes these attempts.
struct Attacked {
    host: Host,
    client: Client,
    attacks: Vec<String>,
}

impl Attacked {
    fn start(backend: &Backend, registry: &Simulator, attacks: Vec<String>) -> Self {
        let file = root().join("target/wasm32-wasip2/release/hostile_registry.wasm");
        let manifest = with_plugin(manifest(), &file, &Capability::ALL, &["registry_attacks"]);
        let (folder, from) = write(&manifest);
        let mut variables = backend.variables();
        variables.extend([
            ("registry_url", registry.url()),
            ("registry_attacks", attacks.join("\n")),
            ("throttle_user", "1000000/hour".to_owned()),
        ]);
        let host = Host::start(&variables, &["--from", &from]);
        drop(folder);
        Self { host, client: Client::default(), attacks }
    }

    /// Asks the question at which the plugin makes this attempt.
    async fn attempt(&self, attack: &str) -> Answer {
        let number = self.attacks.iter().position(|listed| listed == attack).expect("a listed attempt");
        self.client.check(&self.host.url(CHECK), &(1_000_000 + number).to_string()).await
    }

    /// Asserts that another question has its verdict.
    async fn expect_verdict(&self, after: &str) {
        let answer = self.client.check(&self.host.url(CHECK), "1128456232").await;
        let eligible = &answer.json()["is_eligible"];
        assert!(answer.status == 200 && eligible == true, "after {after:?}: {answer:?} {:#?}", self.host.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_plugin_gets_its_own_settings_and_its_registry_and_nothing_else() {
    let backend = Backend::start(On::Servers).await.expect("servers");
    let (registry, other) = (Simulator::start().await.expect("one"), Simulator::start().await.expect("another"));
    let (mysql, redis) = (backend.mariadb.address(), backend.redis.address());
    let (database, elsewhere) = (&backend.database, other.url().replace("http://", "tcp "));
    let own = format!("{}/apis/validateCitizen/1128456231", registry.url());
    let denied = [
        format!("{}/apis/validateCitizen/1128456231", other.url()),
        "http://auth.spin.internal/.well-known/jwks.json".to_owned(),
        "http://affiliation.spin.internal/configured".to_owned(),
        "http://documents.spin.internal/configured".to_owned(),
        "http://self.alt/.well-known/jwks.json".to_owned(),
        "/.well-known/jwks.json".to_owned(),
        format!("http://{mysql}/"),
        format!("http://{redis}/"),
        elsewhere,
        format!("tcp {mysql}"),
        format!("tcp {redis}"),
        // These servers may be reached, because their addresses are inherited, but not without a
        // password.
        format!("mysql://{USER}@{mysql}/{database}"),
        format!("mysql://{USER}:{USER}@{mysql}/{database}"),
        format!("mysql://root@{mysql}/{database}"),
        format!("redis://{redis}"),
        format!("redis://default:{USER}@{redis}"),
        "environment".to_owned(),
        "list /".to_owned(),
        "list .".to_owned(),
        "read /etc/passwd".to_owned(),
        "read spin.toml".to_owned(),
    ];
    let crashes = ["trap", "wait"];
    let attacks = denied.iter().cloned().chain(["settings".to_owned(), own.clone()]);
    let attacks = attacks.chain(crashes.map(str::to_owned)).collect();
    let attacked = Attacked::start(&backend, &registry, attacks);
    // The plugin does what it is asked to, or the rest of this test would say nothing.
    let reached = attacked.attempt(&own).await.json()["citizen_data"]["got"].take();
    assert!(reached.as_str().is_some_and(|got| got.starts_with("200")), "{reached} {:#?}", attacked.host.log());
    let settings = attacked.attempt("settings").await.json()["citizen_data"]["got"].take();
    assert_eq!(settings, "registry_url\nregistry_api_key\nregistry_attacks\nlog_level");
    for attack in &denied {
        let answer = attacked.attempt(attack).await;
        let found = answer.json()["citizen_data"].take();
        assert!(answer.status.is_server_error() || found["denied"].is_string(), "{attack}: {answer:?}");
        assert!(found["got"].is_null(), "{attack}: {found}");
        attacked.expect_verdict(attack).await;
    }
    assert_eq!(other.count(), 0, "no host was reached that is not allowed");
    for attack in crashes {
        let answer = attacked.attempt(attack).await;
        assert!(answer.status.is_server_error(), "{attack}: {answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("is_eligible"), "{attack}: {answer:?}");
        attacked.expect_verdict(attack).await;
    }
    // Its other interface declares `jwt_secret` as a setting: the component that asks refuses it.
    let body =
        Full::from(r#"{"idCitizen": 1128456232, "UrlDocument": "https://bucket.example/a.pdf", "documentTitle": "a"}"#);
    let request = Request::post(attacked.host.url("/api/v1/documents/authenticate/"))
        .header("authorization", format!("Bearer {}", token()))
        .header("content-type", "application/json");
    let answer = attacked.client.send(request.body(body).expect("a request")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (503, &"urn:connectivity:problem:not-ready".into()));
    let log = attacked.host.log();
    assert!(log.iter().any(|line| line.contains("\"settings\"") && line.contains("jwt_secret")), "{log:#?}");
}
