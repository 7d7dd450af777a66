//! Black-box tests of tokens, sessions and service accounts, with embedded databases and with
//! MariaDB and Redis.

use bytes::Bytes;
use connectivity_tests::access::{Access, OPERATOR, SECRETS};
use connectivity_tests::backend::On;
use connectivity_tests::client::{Client, check_request};
use connectivity_tests::pipeline::until;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Calls the token routes as a client of the older service does.
async fn older_client(on: On) {
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
    assert_eq!(verify(&pair.refresh).await, StatusCode::UNAUTHORIZED, "the refresh token was used");
    assert_eq!(access.post("/api/v1/auth/logout/", &json!({"refresh": refresh})).await.status, 200);
    for token in [&newer, &pair.access] {
        assert_eq!(access.check(token).await, 401, "logout ends the session");
        assert_eq!(verify(token).await, StatusCode::UNAUTHORIZED);
    }
    for used in [&pair.refresh, &refresh] {
        assert_eq!(access.post("/api/v1/token/refresh/", &json!({"refresh": used})).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_older_service_works_unchanged_embedded() {
    older_client(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_older_service_works_unchanged_on_servers() {
    older_client(On::Servers).await;
}

async fn reuse(on: On) {
    let access = Access::start(on, &[]).await;
    let first = access.pair("operator", OPERATOR).await;
    let refreshed = access.post("/api/v1/token/refresh/", &json!({"refresh": first.refresh})).await.json();
    assert_eq!(access.post("/api/v1/token/refresh/", &json!({"refresh": first.refresh})).await.status, 401);
    for token in [first.access.as_str(), refreshed["access"].as_str().expect("a token")] {
        assert_eq!(access.check(token).await, 401, "the session has ended");
    }
    let others = access.pair("operator", OPERATOR).await;
    assert_eq!(access.check(&others.access).await, 200, "another session of the same account goes on");
    // Of ten concurrent uses of one refresh token at most one gets new tokens, and the reuse ends
    // the session.
    let used = json!({"refresh": others.refresh});
    let at_once = (0..10).map(|_| access.post("/api/v1/token/refresh/", &used));
    let answers = futures_util::future::join_all(at_once).await;
    assert!(answers.iter().filter(|answer| answer.status == 200).count() <= 1, "{answers:?}");
    assert_eq!(access.check(&others.access).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_refresh_token_ends_its_session_embedded() {
    reuse(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_refresh_token_ends_its_session_on_servers() {
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
    let introspect = async || {
        let bearer = [("authorization", format!("Bearer {narrowed}"))];
        access.form("/oauth/introspect", &bearer, &format!("token={operators}")).await.json()
    };
    let before = introspect().await;
    assert_eq!((&before["active"], &before["scope"]), (&json!(true), &json!("affiliation documents")));
    let revoked = access.form("/oauth/revoke", &[("authorization", bearer)], &format!("token={operators}")).await;
    assert_eq!(revoked.status, 200);
    assert_eq!((access.check(&operators).await, introspect().await), (401, json!({"active": false})));
    let metadata = access.client.get(&access.host.url("/.well-known/oauth-authorization-server")).await.json();
    assert_eq!(metadata["token_endpoint"], access.host.url("/oauth/token"));
    let keys = access.client.get(&access.host.url("/.well-known/jwks.json")).await;
    assert_eq!((keys.status.as_u16(), keys.json()), (200, json!({"keys": []})), "a shared secret is not published");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_obtain_introspect_and_revoke_tokens_embedded() {
    clients(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_obtain_introspect_and_revoke_tokens_on_servers() {
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
    assert_eq!(access.check(&token).await, 401, "tokens of the old secret are revoked");
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
async fn an_administrator_creates_rotates_disables_and_deletes_accounts_embedded() {
    administration(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_creates_rotates_disables_and_deletes_accounts_on_servers() {
    administration(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_instances_seed_accounts_once_and_every_event_is_audited() {
    let access = Access::start(On::Servers, &[]).await;
    let login = json!({"username": "operator", "password": OPERATOR});
    let logins = (0..8).map(|_| access.post("/api/v1/token/", &login));
    let answers = futures_util::future::join_all(logins).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200; 8], "{:?}", access.host.log());
    let query = async |sql: &str| access.backend().query(sql).await;
    assert_eq!(query("SELECT name FROM service_accounts ORDER BY name").await, ["bridge", "operator", "root"]);
    assert_eq!(query("SELECT COUNT(*) FROM access_audit WHERE event = 'LOGIN'").await, ["8"]);
    assert_eq!(
        query("SELECT COUNT(*) FROM access_audit WHERE event = 'ACCOUNT_SEEDED'").await,
        ["3"],
        "each account once"
    );
    access.post("/api/v1/token/", &json!({"username": "operator", "password": "wrong wrong wrong"})).await;
    let refused = "SELECT CONCAT(event, ' ', subject, ' ', address) FROM access_audit WHERE event = 'LOGIN_REFUSED'";
    assert_eq!(query(refused).await, ["LOGIN_REFUSED operator 127.0.0.1"]);
    let secrets = "SELECT COUNT(*) FROM service_accounts WHERE secret_hash NOT LIKE '$argon2id$v=19$m=7168,t=5,p=1$%'";
    assert_eq!(query(secrets).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_fail_while_the_database_is_down_and_work_again_after() {
    let access = Access::start(On::Servers, &[]).await;
    let pair = access.pair("operator", OPERATOR).await;
    access.backend().mariadb.cut();
    for (path, body) in [
        ("/api/v1/token/", json!({"username": "operator", "password": OPERATOR})),
        ("/api/v1/token/refresh/", json!({"refresh": pair.refresh})),
        ("/api/v1/auth/logout/", json!({"refresh": pair.refresh})),
    ] {
        let answer = access.post(path, &body).await;
        assert_eq!(answer.status, 503, "{path} {answer:?}");
        assert!(answer.header("retry-after").is_some(), "{path}");
    }
    access.backend().mariadb.restore();
    access.pair("operator", OPERATOR).await;
    assert_eq!(access.post("/api/v1/token/refresh/", &json!({"refresh": pair.refresh})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_survives_the_loss_of_redis_data() {
    let access = Access::start(On::Servers, &[]).await;
    let pair = access.pair("operator", OPERATOR).await;
    assert_eq!(access.post("/api/v1/auth/logout/", &json!({"refresh": pair.refresh})).await.status, 200);
    access.backend().empty_cache();
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
    for round in 0..50 {
        let guess = async |number: u32| attack("203.0.113.66", "operator", &format!("wrong {round} {number}")).await;
        for (status, retry_after) in futures_util::future::join_all((0..20).map(guess)).await {
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
    assert!((10..40).contains(&refused), "{refused} secrets were verified");
    // A pause may end at any moment: the next request is sent while one lasts for two seconds more.
    let mut guesses = 0;
    let lasts = async || {
        guesses += 1;
        let (status, retry_after) = attack("203.0.113.66", "operator", &format!("another guess {guesses}")).await;
        status == 429 && retry_after.is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 2))
    };
    until("a pause", lasts).await;
    assert_eq!(attack("203.0.113.66", "operator", OPERATOR).await.0, 429, "the correct secret is throttled too");
    assert_eq!(attack("198.51.100.1", "operator", OPERATOR).await.0, 200, "the same account from another address");
    assert_eq!(attack("203.0.113.66", "root", SECRETS.root).await.0, 200, "another account from the same address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_failed_logins_are_throttled_and_other_logins_are_not_embedded() {
    wrong_passwords(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_failed_logins_are_throttled_and_other_logins_are_not_on_servers() {
    wrong_passwords(On::Servers).await;
}

/// The time of a failed login must not reveal whether the account exists.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_login_takes_as_long_for_unknown_accounts() {
    let access = Access::start(On::Servers, &[("trusted_proxies", "127.0.0.1")]).await;
    access.pair("operator", OPERATOR).await;
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    // The two alternate, so that other load on the machine affects both.
    for round in 0..80 {
        for (name, times) in [("operator", &mut known), ("unknown-name", &mut unknown)] {
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
    let call = async |from: &str| {
        let request = Request::post(access.host.url("/api/v1/token/verify/"))
            .header("content-type", "application/json")
            .header("x-forwarded-for", from);
        access.client.send(request.body(Full::from("{\"token\": \"none\"}")).expect("a request")).await
    };
    for left in ["r=2", "r=1", "r=0"] {
        let answer = call("198.51.100.7").await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.header("ratelimit").is_some_and(|value| value.contains(left)), "{answer:?}");
    }
    let refused = call("198.51.100.7").await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("ratelimit-policy"), Some("\"anonymous\";q=3;w=86400"));
    assert_eq!(call("198.51.100.8").await.status, 401, "another address has its own limit");
    let from = [("x-forwarded-for", "198.51.100.7".to_owned())];
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        let repeated = access.form(path, &from, &"token=a&".repeat(1_000)).await;
        assert_eq!(repeated.status, 429, "{path}: the form is read after the call was counted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_token_are_rate_limited_by_address_embedded() {
    by_address(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_token_are_rate_limited_by_address_on_servers() {
    by_address(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_are_too_long_or_have_duplicate_fields_are_rejected() {
    let access = Access::start(On::Embedded, &[]).await;
    // Just too long: the answer comes before the body, and a client that still sends may miss it.
    let long = access.form("/oauth/token", &[], &"a".repeat(64 * 1024 + 1)).await;
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
