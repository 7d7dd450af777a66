//! Attacks every route of spin.toml with invalid tokens. Routes that need no token are listed here;
//! all others must reject.

use bytes::Bytes;
use connectivity_tests::access::{Access, OPERATOR};
use connectivity_tests::backend::On;
use connectivity_tests::client::{Answer, claims, now, sign};
use connectivity_tests::host::SECRET;
use connectivity_tests::issuer::Key;
use connectivity_tests::manifest::{routed_components, routes};
use connectivity_tests::servers::root;
use http::Request;
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// The authentication that a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// No token.
    Nothing,
    /// A token with this scope.
    Scope(&'static str),
    /// Any token, or a client's secret.
    Client,
}

/// Every route of every component.
const ROUTES: [(&str, &str, Needs); 37] = [
    ("POST", "/api/v1/affiliation/check", Needs::Scope("affiliation")),
    ("POST", "/api/v1/affiliation/checks", Needs::Scope("affiliation")),
    ("GET", "/api/v1/affiliation/history", Needs::Scope("affiliation")),
    ("GET", "/api/v1/affiliation/citizens/{id}", Needs::Scope("admin")),
    ("DELETE", "/api/v1/affiliation/citizens/{id}", Needs::Scope("admin")),
    ("POST", "/internal/v1/affiliation/retention", Needs::Scope("bridge")),
    ("POST", "/api/v1/documents/authenticate", Needs::Scope("documents")),
    ("GET", "/api/v1/documents/history", Needs::Scope("documents")),
    ("GET", "/api/v1/documents/{id}", Needs::Scope("documents")),
    ("GET", "/api/v1/documents/citizens/{id}", Needs::Scope("admin")),
    ("DELETE", "/api/v1/documents/citizens/{id}", Needs::Scope("admin")),
    ("POST", "/internal/v1/documents/retention", Needs::Scope("bridge")),
    ("POST", "/internal/v1/documents/deliveries", Needs::Scope("bridge")),
    ("POST", "/internal/v1/documents/deliveries/batch", Needs::Scope("bridge")),
    ("POST", "/internal/v1/documents/outbox", Needs::Scope("bridge")),
    ("POST", "/internal/v1/documents/outbox/published", Needs::Scope("bridge")),
    ("POST", "/api/v1/token", Needs::Nothing),
    ("POST", "/api/v1/token/refresh", Needs::Nothing),
    ("POST", "/api/v1/token/verify", Needs::Nothing),
    ("POST", "/api/v1/auth/logout", Needs::Nothing),
    ("POST", "/oauth/token", Needs::Nothing),
    ("POST", "/oauth/introspect", Needs::Client),
    ("POST", "/oauth/revoke", Needs::Client),
    ("GET", "/.well-known/jwks.json", Needs::Nothing),
    ("GET", "/.well-known/oauth-authorization-server", Needs::Nothing),
    ("GET", "/health/live", Needs::Nothing),
    ("GET", "/health/ready", Needs::Nothing),
    ("GET", "/metrics", Needs::Nothing),
    ("GET", "/api/schema", Needs::Nothing),
    ("GET", "/api/docs", Needs::Nothing),
    ("GET", "/api/docs/page.css", Needs::Nothing),
    ("GET", "/api/docs/page.js", Needs::Nothing),
    ("GET", "/api/v1/service-accounts", Needs::Scope("admin")),
    ("POST", "/api/v1/service-accounts", Needs::Scope("admin")),
    ("GET", "/api/v1/service-accounts/{name}", Needs::Scope("admin")),
    ("DELETE", "/api/v1/service-accounts/{name}", Needs::Scope("admin")),
    ("POST", "/api/v1/service-accounts/{name}/rotate", Needs::Scope("admin")),
];

/// Returns the text of all files in a folder and its subfolders.
fn sources(folder: &Path) -> Vec<String> {
    let paths = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(
            |path| {
                if path.is_dir() { sources(&path) } else { vec![std::fs::read_to_string(path).expect("text")] }
            },
        )
        .collect()
}

/// Returns the text of a constant in the source of a component.
fn constant<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    source.split_once(&format!("const {name}: &'static str = \""))?.1.split('"').next()
}

/// Returns the paths of a job, if this is the source that names it. They follow from its name.
fn paths_of_a_job(source: &str) -> Vec<String> {
    let (Some(name), Some(action)) = (constant(source, "NAME"), constant(source, "ACTION")) else { return Vec::new() };
    let callers = [action, "history", "{id}", "citizens/{id}"].map(|last| format!("/api/v1/{name}/{last}"));
    let bridge = ["deliveries", "deliveries/batch", "outbox", "outbox/published", "retention"]
        .map(|last| format!("/internal/v1/{name}/{last}"));
    callers.into_iter().chain(bridge).collect()
}

/// Returns the paths that a component's source passes to its router.
fn served(component: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for source in sources(&root().join(format!("components/{component}/src"))) {
        paths.extend(paths_of_a_job(&source));
        for call in source.split(".route(").skip(1) {
            let path = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            paths.extend(path.filter(|path| path.starts_with('/')).map(str::to_owned));
        }
    }
    assert!(!paths.is_empty(), "no route was found in the source of {component}");
    paths
}

#[test]
fn every_route_is_listed_here() {
    let listed: BTreeSet<_> = ROUTES.iter().map(|(_, path, _)| (*path).to_owned()).collect();
    let served: BTreeSet<_> = routed_components().iter().flat_map(|component| served(component)).collect();
    assert_eq!(served, listed, "every route must be listed in ROUTES");
    let covers = |route: &str, path: &str| match route.strip_suffix("/...") {
        Some(prefix) => path == prefix || path.starts_with(&format!("{prefix}/")),
        None => path == route,
    };
    let routes = routes();
    for (route, _) in &routes {
        assert!(listed.iter().any(|path| covers(route, path)), "{route} of spin.toml covers no route of ROUTES");
    }
    for path in &listed {
        assert!(routes.iter().any(|(route, _)| covers(route, path)), "no route of spin.toml covers {path}");
    }
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = all_scopes();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = all_scopes();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

fn all_scopes() -> Value {
    let mut claims = claims();
    claims["scope"] = "admin affiliation bridge documents".into();
    claims
}

/// Returns invalid tokens of a service that signs with `own`, each with what is wrong with it.
fn bad_tokens(own: &Key, refresh: &str) -> Vec<(&'static str, String)> {
    let good = own.sign(&all_scopes());
    let parts: Vec<_> = good.split('.').collect();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    let published = own.public().to_string();
    let critical = json!({"alg": "EdDSA", "kid": "own", "crit": ["b64"], "b64": true});
    let typed = json!({"alg": "EdDSA", "kid": "own", "typ": "logout+jwt"});
    let embedded = json!({"alg": "EdDSA", "kid": "other", "jwk": Key::ed25519("other").public()});
    vec![
        ("alg none", none),
        ("a secret in place of the key pair", sign(&all_scopes(), Algorithm::HS256, SECRET)),
        ("the empty secret", sign(&all_scopes(), Algorithm::HS256, "")),
        ("another algorithm", sign(&all_scopes(), Algorithm::HS384, SECRET)),
        ("signed with the published key as a secret", sign(&all_scopes(), Algorithm::HS256, &published)),
        (
            "signed with x of the published key",
            sign(&all_scopes(), Algorithm::HS256, own.public()["x"].as_str().unwrap_or_default()),
        ),
        ("another key under a published id", Key::ed25519("own").sign(&all_scopes())),
        ("another key in the header", Key::ed25519("other").sign_with(Algorithm::EdDSA, &embedded, &all_scopes())),
        ("an unknown kid", own.sign_as(Some("other"), &all_scopes())),
        ("a path for a kid", own.sign_as(Some("../../../../dev/null"), &all_scopes())),
        ("SQL for a kid", own.sign_as(Some("own' OR '1'='1"), &all_scopes())),
        ("no kid", own.sign_as(None, &all_scopes())),
        ("a critical header parameter", own.sign_with(Algorithm::EdDSA, &critical, &all_scopes())),
        ("a token of another type", own.sign_with(Algorithm::EdDSA, &typed, &all_scopes())),
        ("a refresh token", refresh.to_owned()),
        ("token_type refresh", own.sign(&with("token_type", json!("refresh")))),
        ("without token_type", own.sign(&without("token_type"))),
        ("another issuer", own.sign(&with("iss", json!("other")))),
        ("without iss", own.sign(&without("iss"))),
        ("another audience", own.sign(&with("aud", json!("other")))),
        ("expired", own.sign(&with("exp", json!(now() - 60)))),
        ("without exp", own.sign(&without("exp"))),
        ("not yet valid", own.sign(&with("nbf", json!(now() + 600)))),
        ("without jti", own.sign(&without("jti"))),
        (
            "the scope in another claim",
            own.sign(&with("scope", json!(["admin", "affiliation", "bridge", "documents"]))),
        ),
        ("cut off", good[..good.len() - 4].to_owned()),
        ("without a signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("not a token", "x".to_owned()),
        ("very long", "x".repeat(8_000)),
    ]
}

async fn call(access: &Access, method: &str, path: &str, authorization: &[&str]) -> Answer {
    let path = path.replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057").replace("{name}", "operator");
    let form = path.starts_with("/oauth/");
    let kind = if form { "application/x-www-form-urlencoded" } else { "application/json" };
    let body = if form { "token=x" } else { "{}" };
    let mut request = Request::builder().method(method).uri(access.host.url(&path)).header("content-type", kind);
    for value in authorization {
        request = request.header("authorization", *value);
    }
    access.client.send(request.body(Full::from(Bytes::from_static(body.as_bytes()))).expect("a request")).await
}

async fn attack(on: On) {
    let own = Key::ed25519("own");
    let variables = own.variables();
    let access = Access::start(on, &variables.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    let refresh = access.pair("operator", OPERATOR).await.refresh;
    let bad = bad_tokens(&own, &refresh);
    let good = format!("Bearer {}", own.sign(&all_scopes()));
    for (method, path, needs) in ROUTES {
        if needs == Needs::Nothing {
            continue;
        }
        let status = call(&access, method, path, &[&good]).await.status.as_u16();
        assert!(![401, 403, 404, 405].contains(&status) || path.contains('{'), "{method} {path}: {status}");
        let refused = async |why: &str, authorization: &[&str]| {
            let answer = call(&access, method, path, authorization).await;
            assert_eq!(answer.status, 401, "{method} {path}, {why}: {answer:?}");
            assert!(answer.header("www-authenticate").is_some(), "{method} {path}, {why}");
        };
        refused("no token", &[]).await;
        refused("an empty token", &["Bearer "]).await;
        refused("another scheme", &[&good.replace("Bearer", "Digest")]).await;
        for (why, token) in &bad {
            refused(why, &[&format!("Bearer {token}")]).await;
        }
        if let Needs::Scope(scope) = needs {
            refused("two headers", &[&good, &good]).await;
            let others = ["admin", "affiliation", "bridge", "documents"].into_iter().filter(|other| *other != scope);
            let others = others.collect::<Vec<_>>().join(" ");
            let token = own.sign(&with("scope", json!(others)));
            let answer = call(&access, method, path, &[&format!("Bearer {token}")]).await;
            assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_tokens_are_rejected_on_every_route_embedded() {
    attack(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_tokens_are_rejected_on_every_route_on_servers() {
    attack(On::Servers).await;
}
