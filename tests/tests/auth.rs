//! Tokens, sessions and service accounts, black box, against the embedded default and against MariaDB and Redis.

use bytes::Bytes;
use connectivity_tests::access::{Access, OPERATOR, On, SECRETS};
use connectivity_tests::client::{Client, check_request};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The script of a client that knows the older service.
async fn known_client(on: On) {
    let access = Access::start(on, &[]).await;
    let pair = access.pair("operator", OPERATOR).await;
    assert_eq!(access.check(&pair.access).await, 200);
    let next = access.post("/api/v1/token/refresh/", &json!({"refresh": pair.refresh})).await;
    assert_eq!(next.status, 200, "{next:?}");
    let text = |name: &str| next.json()[name].as_str().expect("a token").to_owned();
    let (newer, refresh) = (text("access"), text("refresh"));
    assert_eq!((access.check(&newer).await, access.check(&pair.access).await), (200, 200));
    let verify = async |token: &str| access.post("/api/v1/token/verify/", &json!({"token": token})).await.status;
    assert_eq!((verify(&newer).await, verify(&refresh).await), (StatusCode::OK, StatusCode::OK));
    assert_eq!(verify(&pair.refresh).await, StatusCode::UNAUTHORIZED, "it has been used");
    assert_eq!(access.post("/api/v1/auth/logout/", &json!({"refresh": refresh})).await.status, 200);
    for token in [&newer, &pair.access] {
        assert_eq!(access.check(token).await, 401, "it ended with its session");
        assert_eq!(verify(token).await, StatusCode::UNAUTHORIZED);
    }
    for used in [&pair.refresh, &refresh] {
        assert_eq!(access.post("/api/v1/token/refresh/", &json!({"refresh": used})).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_of_a_known_client_works_embedded() {
    known_client(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_of_a_known_client_works_on_servers() {
    known_client(On::Servers).await;
}

async fn reuse(on: On) {
    let access = Access::start(on, &[]).await;
    let first = access.pair("operator", OPERATOR).await;
    let refreshed = access.post("/api/v1/token/refresh/", &json!({"refresh": first.refresh})).await.json();
    assert_eq!(access.post("/api/v1/token/refresh/", &json!({"refresh": first.refresh})).await.status, 401);
    for token in [first.access.as_str(), refreshed["access"].as_str().expect("a token")] {
        assert_eq!(access.check(token).await, 401, "the whole family has ended");
    }
    let others = access.pair("operator", OPERATOR).await;
    assert_eq!(access.check(&others.access).await, 200, "another login of the same account has not");
    // Of ten who present the same token at once one gets a pair, and the nine others end it.
    let used = json!({"refresh": others.refresh});
    let at_once = (0..10).map(|_| access.post("/api/v1/token/refresh/", &used));
    let answers = futures_util::future::join_all(at_once).await;
    assert!(answers.iter().filter(|answer| answer.status == 200).count() <= 1, "{answers:?}");
    assert_eq!(access.check(&others.access).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_twice_ends_its_family_embedded() {
    reuse(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_twice_ends_its_family_on_servers() {
    reuse(On::Servers).await;
}

async fn clients(on: On) {
    let access = Access::start(on, &[]).await;
    let operators = access.granted("operator", OPERATOR, None).await;
    assert_eq!(access.check(&operators).await, 200);
    let narrowed = access.granted("operator", OPERATOR, Some("documents")).await;
    assert_eq!(access.check(&narrowed).await, 403);
    let escalated = access.form("/oauth/token", &[], &access.login_form("operator", OPERATOR, Some("admin"))).await;
    assert_eq!((escalated.status.as_u16(), &escalated.json()["error"]), (400, &json!("invalid_scope")));
    let bearer = format!("Bearer {operators}");
    let look = async || {
        let bearer = [("authorization", format!("Bearer {narrowed}"))];
        access.form("/oauth/introspect", &bearer, &format!("token={operators}")).await.json()
    };
    let seen = look().await;
    assert_eq!((&seen["active"], &seen["scope"]), (&json!(true), &json!("affiliation documents")));
    let revoked = access.form("/oauth/revoke", &[("authorization", bearer)], &format!("token={operators}")).await;
    assert_eq!(revoked.status, 200);
    assert_eq!((access.check(&operators).await, look().await), (401, json!({"active": false})));
    let metadata = access.client.get(&access.host.url("/.well-known/oauth-authorization-server")).await.json();
    assert_eq!(metadata["token_endpoint"], access.host.url("/oauth/token"));
    let keys = access.client.get(&access.host.url("/.well-known/jwks.json")).await;
    assert_eq!((keys.status.as_u16(), keys.json()), (200, json!({"keys": []})), "a secret is not published");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_get_look_at_and_revoke_tokens_embedded() {
    clients(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_get_look_at_and_revoke_tokens_on_servers() {
    clients(On::Servers).await;
}

async fn administration(on: On) {
    let access = Access::start(on, &[]).await;
    let root = access.granted("root", SECRETS.root, None).await;
    let call = async |method: &str, path: &str, body: Value| access.call(method, path, &root, &body).await;
    let made = call("POST", "/api/v1/service-accounts/", json!({"name": "new", "scopes": ["affiliation"]})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let secret = made.json()["secret"].as_str().expect("a secret").to_owned();
    let token = access.granted("new", &secret, None).await;
    assert_eq!(access.check(&token).await, 200);
    let rotated = call("POST", "/api/v1/service-accounts/new/rotate/", Value::Null).await;
    let newer = rotated.json()["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(access.check(&token).await, 401, "what the old secret brought has ended");
    assert_eq!(access.form("/oauth/token", &[], &access.login_form("new", &secret, None)).await.status, 401);
    let token = access.granted("new", &newer, None).await;
    let narrowed = call("PATCH", "/api/v1/service-accounts/new/", json!({"scopes": ["documents"]})).await;
    assert_eq!((narrowed.status.as_u16(), &narrowed.json()["scopes"]), (200, &json!(["documents"])));
    assert_eq!(access.check(&token).await, 401);
    assert_eq!(call("PATCH", "/api/v1/service-accounts/new/", json!({"disabled": true})).await.status, 200);
    assert_eq!(access.form("/oauth/token", &[], &access.login_form("new", &newer, None)).await.status, 401);
    assert_eq!(call("DELETE", "/api/v1/service-accounts/new/", Value::Null).await.status, 204);
    assert_eq!(call("GET", "/api/v1/service-accounts/new/", Value::Null).await.status, 404);
    assert_eq!(call("GET", "/api/v1/service-accounts/", Value::Null).await.json()["count"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_rotates_and_ends_accounts_embedded() {
    administration(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_rotates_and_ends_accounts_on_servers() {
    administration(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_instances_make_the_accounts_of_the_variable_once_and_all_is_noted() {
    let access = Access::start(On::Servers, &[]).await;
    let login = json!({"username": "operator", "password": OPERATOR});
    let logins = (0..8).map(|_| access.post("/api/v1/token/", &login));
    let answers = futures_util::future::join_all(logins).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200; 8], "{:?}", access.host.log());
    let ask = async |sql: &str| access.ask(sql).await;
    assert_eq!(ask("SELECT name FROM service_accounts ORDER BY name").await, ["bridge", "operator", "root"]);
    assert_eq!(ask("SELECT COUNT(*) FROM access_audit WHERE event = 'LOGIN'").await, ["8"]);
    assert_eq!(ask("SELECT COUNT(*) FROM access_audit WHERE event = 'ACCOUNT_SEEDED'").await, ["3"], "each once");
    access.post("/api/v1/token/", &json!({"username": "operator", "password": "wrong wrong wrong"})).await;
    let noted = "SELECT CONCAT(event, ' ', subject, ' ', address) FROM access_audit WHERE event = 'LOGIN_REFUSED'";
    assert_eq!(ask(noted).await, ["LOGIN_REFUSED operator 127.0.0.1"]);
    let secrets = "SELECT COUNT(*) FROM service_accounts WHERE secret_hash NOT LIKE '$argon2id$v=19$m=7168,t=5,p=1$%'";
    assert_eq!(ask(secrets).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_nobody_logs_in_and_with_it_again_everybody() {
    let access = Access::start(On::Servers, &[]).await;
    let pair = access.pair("operator", OPERATOR).await;
    access.cut();
    for (path, body) in [
        ("/api/v1/token/", json!({"username": "operator", "password": OPERATOR})),
        ("/api/v1/token/refresh/", json!({"refresh": pair.refresh})),
        ("/api/v1/auth/logout/", json!({"refresh": pair.refresh})),
    ] {
        let answer = access.post(path, &body).await;
        assert_eq!(answer.status, 503, "{path} {answer:?}");
        assert!(answer.header("retry-after").is_some(), "{path}");
    }
    access.restore();
    access.pair("operator", OPERATOR).await;
    assert_eq!(access.post("/api/v1/token/refresh/", &json!({"refresh": pair.refresh})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_survives_an_emptied_redis() {
    let access = Access::start(On::Servers, &[]).await;
    let pair = access.pair("operator", OPERATOR).await;
    assert_eq!(access.post("/api/v1/auth/logout/", &json!({"refresh": pair.refresh})).await.status, 200);
    access.empty_cache();
    assert_eq!(access.check(&pair.access).await, 401);
}

async fn wrong_passwords(on: On) {
    let access = Access::start(on, &[("trusted_proxies", "127.0.0.1")]).await;
    let attack = async |from: &str, name: &str, secret: &str| {
        let body = json!({"username": name, "password": secret}).to_string();
        let request = Request::post(access.host.url("/api/v1/token/"))
            .header("content-type", "application/json")
            .header("x-forwarded-for", from);
        let answer = access.client.send(request.body(Full::from(body)).expect("a request")).await;
        (answer.status.as_u16(), answer.header("retry-after").map(str::to_owned))
    };
    assert_eq!(attack("198.51.100.1", "operator", OPERATOR).await.0, 200);
    let mut refused = 0;
    let mut throttled = 0;
    for _ in 0..50 {
        let twenty = (0..20).map(|_| attack("203.0.113.66", "operator", "wrong wrong wrong"));
        for (status, retry_after) in futures_util::future::join_all(twenty).await {
            match status {
                401 => refused += 1,
                429 => {
                    throttled += 1;
                    assert!(retry_after.is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|s| s > 0)));
                }
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(refused + throttled, 1000);
    assert!((10..40).contains(&refused), "{refused} secrets were looked at");
    assert_eq!(attack("203.0.113.66", "operator", OPERATOR).await.0, 429, "the right one comes too soon too");
    assert_eq!(attack("198.51.100.1", "operator", OPERATOR).await.0, 200, "its owner, elsewhere");
    assert_eq!(attack("203.0.113.66", "root", SECRETS.root).await.0, 200, "another account, from there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_wrong_passwords_are_slowed_down_and_others_are_not_embedded() {
    wrong_passwords(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_wrong_passwords_are_slowed_down_and_others_are_not_on_servers() {
    wrong_passwords(On::Servers).await;
}

/// Whether an account exists must not be told by how long its refusal takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_exists_takes_as_long_as_one_that_does_not() {
    let access = Access::start(On::Servers, &[("trusted_proxies", "127.0.0.1")]).await;
    access.pair("operator", OPERATOR).await;
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    // In turn, so that whatever else the machine does meets both alike.
    for round in 0..80 {
        for (name, times) in [("operator", &mut known), ("nobody-here", &mut unknown)] {
            let body = json!({"username": name, "password": "wrong wrong wrong"}).to_string();
            let request = Request::post(access.host.url("/api/v1/token/"))
                .header("content-type", "application/json")
                .header("x-forwarded-for", format!("198.51.{round}.{}", name.len()));
            let started = Instant::now();
            let answer = access.client.send(request.body(Full::from(body)).expect("a request")).await;
            times.push(started.elapsed());
            assert_eq!(answer.status, 401, "{answer:?}");
        }
    }
    let (known, unknown) = (median(&mut known), median(&mut unknown));
    let ratio = known.as_secs_f64() / unknown.as_secs_f64();
    assert!((0.9..1.1).contains(&ratio), "{known:?} against {unknown:?}");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn by_address(on: On) {
    let access = Access::start(on, &[("throttle_anon", "3/day"), ("trusted_proxies", "127.0.0.1")]).await;
    let knock = async |from: &str| {
        let request = Request::post(access.host.url("/api/v1/token/verify/"))
            .header("content-type", "application/json")
            .header("x-forwarded-for", from);
        access.client.send(request.body(Full::from("{\"token\": \"none\"}")).expect("a request")).await
    };
    for left in ["r=2", "r=1", "r=0"] {
        let answer = knock("198.51.100.7").await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.header("ratelimit").is_some_and(|value| value.contains(left)), "{answer:?}");
    }
    let refused = knock("198.51.100.7").await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("ratelimit-policy"), Some("\"anonymous\";q=3;w=86400"));
    assert_eq!(knock("198.51.100.8").await.status, 401, "another address has calls of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_without_a_token_are_throttled_by_address_embedded() {
    by_address(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_without_a_token_are_throttled_by_address_on_servers() {
    by_address(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_are_too_long_or_ambiguous_are_refused() {
    let access = Access::start(On::Embedded, &[]).await;
    let long = access.form("/oauth/token", &[], &"a".repeat(10 * 1024 * 1024)).await;
    assert_eq!(long.status, 413, "{:?}", long.status);
    let good = access.login_form("operator", OPERATOR, None);
    for form in [format!("{good}&client_id=root"), format!("{good}&scope=documents&scope=admin")] {
        let answer = access.form("/oauth/token", &[], &form).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (400, &json!("invalid_request")));
    }
    let twice = Bytes::from_static(b"{\"username\":\"operator\",\"password\":\"x\",\"password\":\"y\"}");
    let request = check_request(&access.host.url("/api/v1/token/"), "none", twice);
    assert_eq!(Client::default().send(request).await.status, 400);
}
