//! Tests of the routes with fake stores: status and body.

use crate::keys::{Lifetimes, Signer};
use crate::routes::router;
use crate::secrets::Argon;
use crate::seed::Entry;
use crate::services::{AuthState, Services};
use axum::Router;
use axum::body::Bytes;
use connectivity_domain::access::Event;
use connectivity_domain::access::fakes::{FakeAccess, FakeFailedLogins};
use connectivity_domain::time::Timestamp;
use connectivity_edge::guard::Guard;
use connectivity_edge::response::respond;
use connectivity_edge::router::route;
use connectivity_edge::token::{OwnKeys, TokenSettings, Verifier};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

mod clients;
mod rate_limits;
mod seeds;
mod settings;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const LIFETIMES: Lifetimes = Lifetimes {
    access: Duration::from_mins(15),
    refresh: Duration::from_hours(7 * 24),
    session: Duration::from_hours(30 * 24),
};

fn tokens() -> TokenSettings {
    TokenSettings {
        keys: OwnKeys::Secret(SECRET.into()),
        issuer: "connectivity".into(),
        audience: "connectivity".into(),
        other: None,
        shared: None,
    }
}

/// The service, with the accounts `operator` and `root`.
struct Given {
    store: FakeAccess,
    router: Router,
}

struct Answered {
    status: StatusCode,
    headers: header::HeaderMap,
    body: Bytes,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn signer() -> Signer {
    Signer::new(&tokens(), "", LIFETIMES).unwrap_or_else(|error| panic!("{error:?}"))
}

fn given() -> Given {
    let seeds = json!([
        {"name": "operator", "secret": "operator's secret", "scopes": ["affiliation", "documents"]},
        {"name": "root", "secret": "root's own secret", "scopes": ["admin"]},
    ]);
    instance(&FakeAccess::default(), &seeds)
}

/// Another instance with this value of `service_accounts`.
fn instance(store: &FakeAccess, seeds: &Value) -> Given {
    limited(store, seeds, FakeFailedLogins::default(), "")
}

fn limited(store: &FakeAccess, seeds: &Value, limits: FakeFailedLogins, public_url: &str) -> Given {
    let services = Services {
        store: store.clone(),
        limits,
        guard: Arc::new(Guard::tokens_only(Verifier::new(&tokens()))),
        state: AuthState {
            signer: signer(),
            argon: Argon::fast(),
            key_set: "{\"keys\":[]}".into(),
            public_url: public_url.to_owned(),
            seeds: Entry::read_all(&seeds.to_string()).unwrap_or_else(|what| panic!("{what}")),
            seeded: AtomicBool::new(false),
        },
        now: || NOW,
        new_id: connectivity_runtime::new_id,
    };
    Given { store: store.clone(), router: router(services) }
}

impl Given {
    async fn send(&self, request: Request<Bytes>) -> Answered {
        let answer = respond(request, None, |request| route(self.router.clone(), request)).await;
        let (parts, body) = answer.into_parts();
        Answered { status: parts.status, headers: parts.headers, body }
    }

    async fn post(&self, path: &str, body: &Value) -> Answered {
        let request = Request::post(path).header(header::CONTENT_TYPE, JSON);
        self.send(request.body(body.to_string().into()).expect("a request")).await
    }

    async fn form(&self, path: &str, authorization: Option<&str>, body: &str) -> Answered {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, FORM);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        self.send(request.body(body.to_owned().into()).expect("a request")).await
    }

    async fn pair(&self) -> (String, String) {
        let body = json!({"username": "operator", "password": "operator's secret"});
        let answer = self.post("/api/v1/token/", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        let pair = answer.json();
        assert_eq!(pair.as_object().map(serde_json::Map::len), Some(2), "{pair}");
        let text = |name: &str| pair[name].as_str().expect("a token").to_owned();
        (text("access"), text("refresh"))
    }

    async fn administer(&self, method: &str, path: &str, body: Option<Value>) -> Answered {
        let (granted, type_) = (self.form("/oauth/token", None, ROOT).await.json(), header::CONTENT_TYPE);
        let token = granted["access_token"].as_str().expect("a token");
        let request = Request::builder().method(method).uri(path).header(type_, JSON);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(body.map(|body| body.to_string()).unwrap_or_default().into()).expect("a request")).await
    }

    fn events(&self) -> Vec<Event> {
        self.store.events().into_iter().map(|(event, _)| event).filter(|event| *event != Event::Seeded).collect()
    }
}

const ROOT: &str = "grant_type=client_credentials&client_id=root&client_secret=root's+own+secret";
const OPERATOR: &str = "grant_type=client_credentials&client_id=operator&client_secret=operator's+secret";

#[tokio::test]
async fn existing_clients_find_their_routes() {
    let given = given();
    let (access, refresh) = given.pair().await;
    for token in [&access, &refresh] {
        assert_eq!(given.post("/api/v1/token/verify/", &json!({"token": token})).await.status, StatusCode::OK);
    }
    let pair = given.post("/api/v1/token/refresh/", &json!({"refresh": refresh})).await;
    assert_eq!(pair.status, StatusCode::OK);
    let next = pair.json()["refresh"].clone();
    assert_eq!(given.post("/api/v1/token/verify", &json!({"token": refresh})).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(given.post("/api/v1/auth/logout/", &json!({"refresh": next})).await.status, StatusCode::OK);
    assert_eq!(given.post("/api/v1/token/refresh/", &json!({"refresh": next})).await.status, StatusCode::UNAUTHORIZED);
    for token in [&json!(access), &next] {
        let status = given.post("/api/v1/token/verify/", &json!({"token": token})).await.status;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "all tokens of the session are revoked");
    }
    assert_eq!(given.events(), [Event::Login, Event::Refresh, Event::Logout, Event::RefreshRefused]);
}

#[tokio::test]
async fn a_reused_refresh_token_ends_its_session() {
    let given = given();
    let (access, refresh) = given.pair().await;
    let pair = given.post("/api/v1/token/refresh/", &json!({"refresh": refresh})).await.json();
    let again = given.post("/api/v1/token/refresh/", &json!({"refresh": refresh})).await;
    assert_eq!(
        (again.status, &again.json()["type"]),
        (StatusCode::UNAUTHORIZED, &json!("urn:connectivity:problem:invalid-token"))
    );
    for token in [&json!(access), &pair["access"], &pair["refresh"]] {
        let status = given.post("/api/v1/token/verify/", &json!({"token": token})).await.status;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_access_token_is_not_accepted_as_a_refresh_token() {
    let given = given();
    let (access, _) = given.pair().await;
    for path in ["/api/v1/token/refresh/", "/api/v1/auth/logout/"] {
        let status = given.post(path, &json!({"refresh": access})).await.status;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}: an access token");
    }
}

#[tokio::test]
async fn failed_logins_and_malformed_bodies_are_rejected() {
    let given = given();
    for (body, status, kind) in [
        (json!({"username": "operator", "password": "wrong"}), 401, "invalid-credentials"),
        (json!({"username": "nobody", "password": "wrong"}), 401, "invalid-credentials"),
        (json!({"username": "operator"}), 400, "invalid-request"),
        (json!({"username": 7, "password": "x"}), 400, "invalid-request"),
        (json!([]), 400, "invalid-request"),
    ] {
        let answer = given.post("/api/v1/token/", &body).await;
        let expected = json!(format!("urn:connectivity:problem:{kind}"));
        assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (status, &expected), "{body}");
        let challenge = answer.headers.get(header::WWW_AUTHENTICATE).map(header::HeaderValue::as_bytes);
        assert_eq!(challenge, (status == 401).then_some(b"Bearer".as_slice()), "{body}");
    }
    let twice = Request::post("/api/v1/token/").header(header::CONTENT_TYPE, JSON);
    let twice = twice.body(Bytes::from_static(b"{\"username\":\"a\",\"username\":\"b\",\"password\":\"c\"}"));
    assert_eq!(given.send(twice.expect("a request")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn client_credentials_follow_rfc_6749() {
    let given = given();
    let granted = given.form("/oauth/token", None, &format!("{OPERATOR}&scope=documents")).await;
    assert_eq!(granted.status, StatusCode::OK);
    let body = granted.json();
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&json!("Bearer"), &json!(900), &json!("documents"))
    );
    assert!(body.get("refresh_token").is_none(), "section 4.4.3");
    assert_eq!(granted.headers[header::CACHE_CONTROL], "no-store");
    // "operator" and "operator's secret", as they are, and encoded as a form first (section 2.3.1).
    let (raw, basic) = ("Basic b3BlcmF0b3I6b3BlcmF0b3IncyBzZWNyZXQ=", "Basic b3BlcmF0b3I6b3BlcmF0b3IncytzZWNyZXQ=");
    for authorization in [raw, basic] {
        let by_basic = given.form("/oauth/token", Some(authorization), "grant_type=client_credentials").await;
        assert_eq!((by_basic.status, &by_basic.json()["scope"]), (StatusCode::OK, &json!("affiliation documents")));
    }
    for (authorization, form, status, code) in [
        (
            None,
            "grant_type=client_credentials&client_id=operator&client_secret=wrong".to_owned(),
            401,
            "invalid_client",
        ),
        (None, "grant_type=client_credentials&client_id=nobody&client_secret=wrong".to_owned(), 401, "invalid_client"),
        (None, "grant_type=client_credentials".to_owned(), 401, "invalid_client"),
        (None, "grant_type=client_credentials&client_id=operator".to_owned(), 401, "invalid_client"),
        (Some("Basic !"), "grant_type=client_credentials".to_owned(), 401, "invalid_client"),
        (Some("Bearer x"), "grant_type=client_credentials".to_owned(), 401, "invalid_client"),
        (Some(basic), OPERATOR.to_owned(), 400, "invalid_request"),
        (None, format!("{OPERATOR}&grant_type=client_credentials"), 400, "invalid_request"),
        (None, format!("{OPERATOR}&client_id=root"), 400, "invalid_request"),
        (None, format!("{OPERATOR}{}", "&a=b".repeat(10_000)), 400, "invalid_request"),
        (None, "client_id=operator".to_owned(), 400, "invalid_request"),
        (None, OPERATOR.replace("client_credentials", "password"), 400, "unsupported_grant_type"),
        (None, format!("{OPERATOR}&scope=admin"), 400, "invalid_scope"),
        (None, format!("{OPERATOR}&scope=documents+admin"), 400, "invalid_scope"),
        (None, format!("{OPERATOR}&scope=everything"), 400, "invalid_scope"),
    ] {
        let answer = given.form("/oauth/token", authorization, &form).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (status, &json!(code)), "{form}");
        assert_eq!(answer.headers.contains_key(header::WWW_AUTHENTICATE), status == 401, "{form}");
    }
    assert_eq!(given.post("/oauth/token", &json!({})).await.json()["error"], "invalid_request", "JSON is not a form");
}

#[tokio::test]
async fn tokens_can_be_introspected_and_revoked_by_their_clients_and_administrators() {
    let given = given();
    let token = |body: Value| body["access_token"].as_str().expect("a token").to_owned();
    let (operators, roots) = (
        token(given.form("/oauth/token", None, OPERATOR).await.json()),
        token(given.form("/oauth/token", None, ROOT).await.json()),
    );
    let bearer = format!("Bearer {operators}");
    let about = async |by: &str, token: &str| {
        given.form("/oauth/introspect", Some(&format!("Bearer {by}")), &format!("token={token}")).await.json()
    };
    for (by, subject, token) in
        [(&operators, "operator", &operators), (&roots, "operator", &operators), (&roots, "root", &roots)]
    {
        let seen = about(by, token).await;
        assert_eq!((&seen["active"], &seen["sub"]), (&json!(true), &json!(subject)));
    }
    assert_eq!(about(&operators, &roots).await, json!({"active": false}), "the token of another client");
    assert_eq!(about(&roots, "nonsense").await, json!({"active": false}));
    assert_eq!(given.form("/oauth/introspect", None, &format!("token={roots}")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(given.form("/oauth/introspect", Some(&bearer), "").await.status, StatusCode::BAD_REQUEST);
    let malformed = given.form("/oauth/introspect", Some("Bearer malformed"), "token=a&token=a").await;
    assert_eq!(malformed.status, StatusCode::UNAUTHORIZED, "the form is read after the guard has admitted the request");
    let others = given.form("/oauth/revoke", Some(&bearer), &format!("token={roots}")).await;
    assert_eq!((others.status, &others.json()["error"]), (StatusCode::BAD_REQUEST, &json!("unauthorized_client")));
    let own = format!("token={operators}&{}", OPERATOR.replace("grant_type=client_credentials&", ""));
    assert_eq!(given.form("/oauth/revoke", None, &own).await.status, StatusCode::OK);
    assert_eq!(given.form("/oauth/revoke", None, &own).await.status, StatusCode::OK, "revoking twice succeeds");
    assert_eq!(
        given.form("/oauth/introspect", Some(&format!("Bearer {roots}")), &format!("token={operators}")).await.json(),
        json!({"active": false})
    );
}

#[tokio::test]
async fn administrators_create_change_and_delete_accounts() {
    let given = given();
    let made =
        given.administer("POST", "/api/v1/service-accounts/", Some(json!({"name": "new", "scopes": ["bridge"]}))).await;
    assert_eq!(
        (made.status, made.headers[header::LOCATION].as_bytes()),
        (StatusCode::CREATED, &b"/api/v1/service-accounts/new/"[..])
    );
    let secret = made.json()["secret"].as_str().expect("a secret").to_owned();
    let log_in = async |secret: &str| {
        given
            .form("/oauth/token", None, &format!("grant_type=client_credentials&client_id=new&client_secret={secret}"))
            .await
            .status
    };
    assert_eq!(log_in(&secret).await, StatusCode::OK);
    let shown = given.administer("GET", "/api/v1/service-accounts/new", None).await.json();
    assert_eq!(
        (&shown["scopes"], &shown["secret"], &shown["disabled"]),
        (&json!(["bridge"]), &Value::Null, &json!(false))
    );
    assert!(shown["last_used_at"].is_string());
    let rotated = given.administer("POST", "/api/v1/service-accounts/new/rotate/", None).await.json();
    assert_eq!(log_in(&secret).await, StatusCode::UNAUTHORIZED);
    let secret = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(log_in(&secret).await, StatusCode::OK);
    let disabled = given.administer("PATCH", "/api/v1/service-accounts/new/", Some(json!({"disabled": true}))).await;
    assert_eq!((disabled.status, &disabled.json()["disabled"]), (StatusCode::OK, &json!(true)));
    for array in [json!([]), json!([null, null]), json!([["bridge"], false])] {
        let changed = given.administer("PATCH", "/api/v1/service-accounts/new/", Some(array)).await;
        assert_eq!(changed.status, StatusCode::BAD_REQUEST, "an array of the fields' values is not an object");
    }
    let nobody = given.administer("GET", "/api/v1/service-accounts/%FF/", None).await;
    assert_eq!((nobody.status, &nobody.json()["status"]), (StatusCode::NOT_FOUND, &json!(404)));
    assert_eq!(log_in(&secret).await, StatusCode::UNAUTHORIZED);
    let names = given.administer("GET", "/api/v1/service-accounts/", None).await.json();
    assert_eq!(names["count"], 3);
    assert_eq!(given.administer("DELETE", "/api/v1/service-accounts/new/", None).await.status, StatusCode::NO_CONTENT);
    for method in ["GET", "DELETE"] {
        assert_eq!(given.administer(method, "/api/v1/service-accounts/new/", None).await.status, StatusCode::NOT_FOUND);
    }
    assert!(!String::from_utf8_lossy(&disabled.body).contains("argon2"));
}

#[tokio::test]
async fn invalid_changes_of_accounts_are_rejected() {
    let given = given();
    for (method, path, body, status) in [
        ("POST", "/api/v1/service-accounts/", json!({"name": "operator", "scopes": ["bridge"]}), 409),
        ("POST", "/api/v1/service-accounts/", json!({"name": "a b", "scopes": ["bridge"]}), 400),
        ("POST", "/api/v1/service-accounts/", json!({"name": "new", "scopes": []}), 400),
        ("POST", "/api/v1/service-accounts/", json!({"name": "new", "scopes": ["everything"]}), 400),
        ("POST", "/api/v1/service-accounts/", json!({"name": "new", "scopes": ["bridge"], "admin": true}), 400),
        ("PATCH", "/api/v1/service-accounts/operator/", json!({"secret": "chosen"}), 400),
        ("PATCH", "/api/v1/service-accounts/nobody/", json!({"disabled": true}), 404),
        ("PUT", "/api/v1/service-accounts/operator/", json!({}), 405),
    ] {
        assert_eq!(given.administer(method, path, Some(body)).await.status.as_u16(), status, "{method} {path}");
    }
    let request = Request::get("/api/v1/service-accounts/").body(Bytes::new()).expect("a request");
    assert_eq!(given.send(request).await.status, StatusCode::UNAUTHORIZED);
    let (access, _) = given.pair().await;
    let request = Request::get("/api/v1/service-accounts/").header(header::AUTHORIZATION, format!("Bearer {access}"));
    assert_eq!(given.send(request.body(Bytes::new()).expect("a request")).await.status, StatusCode::FORBIDDEN);
}
