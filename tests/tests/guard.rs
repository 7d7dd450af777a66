//! Black-box tests of the guard: rate limits, revoked sessions, CORS and client addresses, with
//! embedded databases and with MariaDB and Redis.

use bytes::Bytes;
use connectivity_tests::backend::{Backend, On};
use connectivity_tests::check::{CHECK, Scene};
use connectivity_tests::client::{Answer, Client, check_request, claims, now, sign, token};
use connectivity_tests::host::{Host, SECRET};
use connectivity_tests::pipeline::until;
use http::{Request, header};
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use serde_json::json;
use std::time::Duration;

async fn start(on: On, variables: &[(&'static str, &str)], arguments: &[&str]) -> Scene {
    // A burst of requests on a busy machine must not fail because of the registry's timeout.
    let variables = [&[("registry_timeout_ms", "10000")][..], variables].concat();
    Scene::with_arguments(on, &variables, arguments).await
}

/// Returns a token with this subject and session.
fn token_of(subject: &str, session: &str) -> String {
    let mut claims = claims();
    claims["sub"] = json!(subject);
    claims["sid"] = json!(session);
    sign(&claims, Algorithm::HS256, SECRET)
}

/// Returns the SQL of a revoked session.
fn revoked(session: &str) -> String {
    format!(
        "INSERT INTO sessions (id, subject, refresh_id, created_at, expires_at, revoked_at) VALUES
         ('{session}', 'leaver', NULL, '2026-01-01 00:00:00.000000', '2999-01-01 00:00:00.000000',
          '2026-01-01 00:00:01.000000')"
    )
}

fn expect_rejected(answer: &Answer) {
    assert_eq!(answer.status.as_u16(), 401, "{answer:?}");
    let challenge = "Bearer error=\"invalid_token\", error_description=\"the token is revoked\"";
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert_eq!(answer.json()["type"], "urn:connectivity:problem:invalid-token");
}

/// Returns the number of a parameter such as `;r=2`.
fn parameter(answer: &Answer, header: &str, name: &str) -> u64 {
    let value = answer.header(header).unwrap_or_else(|| panic!("no {header} in {answer:?}"));
    let mut parts = value.split(';');
    assert_eq!(parts.next(), Some("\"user\""), "{value}");
    let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    found.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {value}"))
}

async fn rate_limit_headers(on: On) {
    let scene = start(on, &[("throttle_user", "3/day")], &[]).await;
    let token = token_of("counted", "s-1");
    let until_midnight = 86_400 - now() % 86_400;
    for left in [2, 1, 0] {
        let answer = scene.check_as(&token).await;
        assert_eq!((answer.status.as_u16(), parameter(&answer, "ratelimit", "r")), (200, left), "{answer:?}");
    }
    // A problem response of the route has the headers too, and counts.
    let other = token_of("other", "s-2");
    let bad = scene.client.send(check_request(&scene.host.url(CHECK), &other, Bytes::from_static(b"{}"))).await;
    assert_eq!((bad.status.as_u16(), parameter(&bad, "ratelimit", "r")), (400, 2));
    for _ in 0..2 {
        let answer = scene.check_as(&token).await;
        assert_eq!(answer.status.as_u16(), 429, "{answer:?}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"user\";q=3;w=86400"));
        let (left, wait) = (parameter(&answer, "ratelimit", "r"), parameter(&answer, "ratelimit", "t"));
        assert_eq!((left, answer.header("retry-after")), (0, Some(wait.to_string().as_str())));
        assert!(wait <= until_midnight + 1 && wait + 60 > until_midnight, "{wait} of {until_midnight}");
    }
    let refused = scene.client.send(check_request(&scene.host.url(CHECK), "no token", Bytes::new())).await;
    assert_eq!((refused.status.as_u16(), refused.header("ratelimit")), (401, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limit_headers_count_down_to_429_with_retry_after_embedded() {
    rate_limit_headers(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limit_headers_count_down_to_429_with_retry_after_on_servers() {
    rate_limit_headers(On::Servers).await;
}

async fn burst(on: On) {
    let scene = start(on, &[("throttle_user", "50/day")], &[]).await;
    let token = token_of("many", "s-1");
    let answers = futures_util::future::join_all((0..200).map(|_| scene.check_as(&token))).await;
    // On a busy machine Redis may answer after the guard's timeout. Such requests pass without a
    // rate-limit header.
    let (counted, uncounted): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.header("ratelimit").is_some());
    assert!(uncounted.iter().all(|answer| answer.status.as_u16() == 200));
    let cache_was_slow = scene.host.log().iter().any(|line| line.contains("no answer in time"));
    assert!(uncounted.is_empty() || cache_was_slow, "{} were not counted", uncounted.len());
    let count = |status| counted.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((count(200), count(429)), (50, 150 - uncounted.len()));
    let passed = counted.iter().filter(|answer| answer.status.as_u16() == 200);
    let mut left: Vec<u64> = passed.map(|answer| parameter(answer, "ratelimit", "r")).collect();
    left.sort_unstable();
    assert_eq!(left, (0..50).collect::<Vec<_>>(), "each response has another remaining count");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_over_many_instances_is_limited_exactly_embedded() {
    burst(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_over_many_instances_is_limited_exactly_on_servers() {
    burst(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_rejected_embedded() {
    // The application migrates its database when it first opens it, so the table is created here.
    let arguments = ["--sqlite", "@migrations/sqlite/0003_access.sql", "--sqlite", &revoked("s-ended")];
    let scene = start(On::Embedded, &[("throttle_user", "3/day")], &arguments).await;
    for _ in 0..5 {
        expect_rejected(&scene.check_as(&token_of("leaver", "s-ended")).await);
    }
    let other = scene.check_as(&token_of("leaver", "s-begun")).await;
    assert_eq!(
        (other.status.as_u16(), parameter(&other, "ratelimit", "r")),
        (200, 2),
        "rejected requests do not count"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_rejected_when_redis_is_emptied_or_down() {
    let scene = start(On::Servers, &[], &[]).await;
    let backend = scene.backend();
    let (ended, ends, good) =
        (token_of("leaver", "s-ended"), token_of("leaver", "s-ends"), token_of("leaver", "s-begun"));
    backend.query(&revoked("s-ended")).await;
    expect_rejected(&scene.check_as(&ended).await);
    assert_eq!(scene.check_as(&ends).await.status.as_u16(), 200);
    assert_eq!(scene.check_as(&good).await.status.as_u16(), 200);

    // A revocation in the database only, and an emptied Redis: the guard must load all revocations
    // from the database.
    backend.query(&revoked("s-ends")).await;
    backend.empty_cache();
    let tokens = [&ended, &ends, &good, &ended, &ends, &good, &ended, &ends, &good];
    let statuses = futures_util::future::join_all(tokens.map(|token| scene.check_as(token))).await;
    let statuses: Vec<u16> = statuses.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [401, 401, 200].repeat(3));

    backend.redis.cut();
    for _ in 0..3 {
        expect_rejected(&scene.check_as(&ended).await);
        expect_rejected(&scene.check_as(&ends).await);
        assert_eq!(scene.check_as(&good).await.status.as_u16(), 200);
    }
    // Redis comes back empty, and the answers stay the same.
    backend.empty_cache();
    backend.redis.restore();
    for _ in 0..3 {
        expect_rejected(&scene.check_as(&ended).await);
        expect_rejected(&scene.check_as(&ends).await);
        assert_eq!(scene.check_as(&good).await.status.as_u16(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_requests_pass_uncounted_with_a_warning_until_it_is_back() {
    let scene = start(On::Servers, &[("throttle_user", "2/day")], &[]).await;
    let Backend { redis, mariadb, .. } = scene.backend();
    let token = token_of("steady", "s-1");
    let first = scene.check_as(&token).await;
    assert_eq!((first.status.as_u16(), parameter(&first, "ratelimit", "r")), (200, 1));
    redis.cut();
    for _ in 0..5 {
        let answer = scene.check_as(&token).await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, None), "{answer:?}");
    }
    let warns = |line: &String| line.contains("\"message\":\"cache\"") && line.contains("warn");
    until("the log warns", async || scene.host.log().iter().any(warns)).await;

    let mut uncounted = 5;
    // Without both servers the guard cannot tell whether the session was revoked.
    mariadb.cut();
    let answer = scene.check_as(&token).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    assert_eq!(answer.json()["type"], "urn:connectivity:problem:storage-unavailable");
    mariadb.restore();
    redis.restore();
    let counted = async {
        loop {
            let answer = scene.check_as(&token).await;
            if answer.status.as_u16() == 429 {
                break;
            }
            assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
            uncounted += u32::from(answer.header("ratelimit").is_none());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted).await.expect("the rate limit works again");
    // The instance has kept the count until it could send it to Redis.
    let line = format!("connectivity_guard_uncounted_total{{component=\"affiliation\"}} {uncounted}");
    until("the metrics have the count", async || {
        let metrics = scene.client.get(&scene.host.url("/metrics")).await;
        String::from_utf8_lossy(&metrics.body).lines().any(|metric| metric == line)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_redis_scripts_are_sent_again_and_every_request_counts_once() {
    let scene = start(On::Servers, &[("throttle_user", "20/day")], &[]).await;
    let token = token_of("steady", "s-1");
    for left in (10..20).rev() {
        scene.backend().servers.forget_scripts();
        let answer = scene.check_as(&token).await;
        assert_eq!((answer.status.as_u16(), parameter(&answer, "ratelimit", "r")), (200, left), "{answer:?}");
    }
    let log = scene.host.log();
    assert!(!log.iter().any(|line| line.contains("\"message\":\"cache\"")), "{log:#?}");
}

fn from_origin(url: &str, origin: &str, preflight: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = match preflight {
        Some(method) => Request::options(url)
            .header("access-control-request-method", method)
            .body(Full::default())
            .expect("a request"),
        None => check_request(url, &token(), Bytes::from_static(br#"{"citizen_id": "1128456232"}"#)),
    };
    request.headers_mut().insert(header::ORIGIN, origin.parse().expect("a value"));
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn only_configured_origins_get_cors_headers() {
    let origins = "https://app.example.org, http://localhost:8080";
    let scene = start(On::Embedded, &[("cors_allowed_origins", origins)], &[]).await;
    let url = scene.host.url(CHECK);
    let send = async |origin, preflight| scene.client.send(from_origin(&url, origin, preflight)).await;

    let preflight = send("https://app.example.org", Some("POST")).await;
    assert_eq!((preflight.status.as_u16(), preflight.body.len()), (204, 0), "{preflight:?}");
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://app.example.org"));
    assert!(preflight.header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
    let allowed = preflight.header("access-control-allow-headers").expect("headers");
    assert!(
        ["authorization", "content-type", "idempotency-key"].iter().all(|name| allowed.contains(name)),
        "{allowed}"
    );
    assert_eq!(
        (preflight.header("vary"), preflight.header("access-control-allow-credentials")),
        (Some("origin"), None)
    );

    let answer = send("http://localhost:8080", None).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:8080"));
    let exposed = answer.header("access-control-expose-headers").expect("headers");
    assert!(["x-request-id", "ratelimit", "retry-after"].iter().all(|name| exposed.contains(name)), "{exposed}");
    // A page of an allowed origin can read error responses too.
    let refused = Request::post(&url).header(header::ORIGIN, "http://localhost:8080").body(Full::default());
    let refused = scene.client.send(refused.expect("a request")).await;
    assert_eq!(refused.status.as_u16(), 401);
    assert_eq!(refused.header("access-control-allow-origin"), Some("http://localhost:8080"));

    for origin in ["https://evil.example.org", "https://app.example.org.evil.example", "http://app.example.org", "null"]
    {
        let preflight = send(origin, Some("POST")).await;
        assert_eq!((preflight.status.as_u16(), preflight.header("vary")), (405, Some("origin")), "{origin}");
        assert_eq!(preflight.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(send(origin, None).await.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_configured_origins_there_is_no_cors_and_responses_have_security_headers() {
    let scene = start(On::Embedded, &[], &[]).await;
    let url = scene.host.url(CHECK);
    let preflight = scene.client.send(from_origin(&url, "https://app.example.org", Some("POST"))).await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (405, None));
    let answer = scene.client.send(from_origin(&url, "https://app.example.org", None)).await;
    for (name, expected) in [
        ("access-control-allow-origin", None),
        ("cache-control", Some("no-store")),
        ("x-content-type-options", Some("nosniff")),
        ("content-security-policy", Some("default-src 'none'; frame-ancestors 'none'")),
        ("referrer-policy", Some("no-referrer")),
        ("cross-origin-resource-policy", Some("same-origin")),
    ] {
        assert_eq!(answer.header(name), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_addresses_count_only_from_trusted_proxies() {
    let host = Host::start_application(&[("upstream", "http://127.0.0.1:9")], &["--from", "tests/guest/spin.toml"]);
    let ask = async |trusted: &str| {
        let request = Request::get(host.url(&format!("/probe/client?{trusted}")))
            .header("spin-client-addr", "203.0.113.66:1")
            .header("x-forwarded-for", "203.0.113.7, 198.51.100.9");
        let answer = Client::default().send(request.body(Full::default()).expect("a request")).await;
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    assert_eq!(ask("").await, "127.0.0.1");
    assert_eq!(ask("10.0.0.0/24,203.0.113.66").await, "127.0.0.1");
    assert_eq!(ask("127.0.0.0/8").await, "198.51.100.9");
    assert_eq!(ask("127.0.0.1,198.51.100.0/24").await, "203.0.113.7");
}
