//! Who may pass, black box: throttle, revoked sessions, other origins, addresses. On the embedded default, and on MariaDB
//! and Redis, each of them behind a proxy that can take it away.

use bytes::Bytes;
use connectivity_tests::client::{Answer, Client, check_request, claims, now, sign, token};
use connectivity_tests::host::{Host, SECRET};
use connectivity_tests::pipeline::until;
use connectivity_tests::proxy::Proxy;
use connectivity_tests::servers::Servers;
use govcarpeta_simulator::Simulator;
use http::{Request, header};
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use serde_json::json;
use std::time::Duration;

const CHECK: &str = "/api/v1/affiliation/check/";

struct Scene {
    host: Host,
    client: Client,
    _registry: Simulator,
    servers: Option<Behind>,
}

/// The servers, and what stands before them.
struct Behind {
    servers: Servers,
    mariadb: Proxy,
    redis: Proxy,
    database: String,
    cache: u16,
}

#[derive(Clone, Copy, Debug)]
enum On {
    Embedded,
    Servers,
}

impl Scene {
    async fn new(on: On, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let registry = Simulator::start().await.expect("a simulator");
        let mut all = vec![("registry_url", registry.url()), ("throttle_user", "1000000/hour".to_owned())];
        let servers = match on {
            On::Embedded => None,
            On::Servers => {
                let behind = Behind::new().await;
                all.extend(behind.variables());
                Some(behind)
            }
        };
        all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self { host: Host::start(&all, arguments), client: Client::default(), _registry: registry, servers }
    }

    fn servers(&self) -> &Behind {
        self.servers.as_ref().expect("a scene on servers")
    }

    async fn check(&self, token: &str) -> Answer {
        let body = Bytes::from_static(br#"{"citizen_id": "1128456232"}"#);
        self.client.send(check_request(&self.host.url(CHECK), token, body)).await
    }
}

impl Behind {
    async fn new() -> Self {
        let servers = Servers::running();
        let mariadb = Proxy::to(servers.mariadb.address()).await.expect("a proxy");
        let redis = Proxy::to(servers.redis.address()).await.expect("a proxy");
        let (database, cache) = (servers.fresh_database().await, servers.fresh_cache());
        Self { servers, mariadb, redis, database, cache }
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = self.servers.variables(self.mariadb.address(), &self.database);
        variables.retain(|(name, _)| !["redis_address", "redis_database"].contains(name));
        variables.push(("redis_address", format!("redis://{}", self.redis.address())));
        variables.push(("redis_database", self.cache.to_string()));
        variables
    }
}

/// A token of this subject and session.
fn token_of(subject: &str, session: &str) -> String {
    let mut claims = claims();
    claims["sub"] = json!(subject);
    claims["sid"] = json!(session);
    sign(&claims, Algorithm::HS256, SECRET)
}

fn revoked(session: &str) -> String {
    format!(
        "INSERT INTO sessions (id, subject, refresh_id, created_at, expires_at, revoked_at) VALUES
         ('{session}', 'leaver', NULL, '2026-01-01 00:00:00.000000', '2999-01-01 00:00:00.000000',
          '2026-01-01 00:00:01.000000')"
    )
}

fn expect_refused(answer: &Answer) {
    assert_eq!(answer.status.as_u16(), 401, "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    assert_eq!(answer.json()["type"], "urn:connectivity:problem:invalid-token");
}

/// The number of a parameter like `;r=2`.
fn parameter(answer: &Answer, header: &str, name: &str) -> u64 {
    let value = answer.header(header).unwrap_or_else(|| panic!("no {header} in {answer:?}"));
    let mut parts = value.split(';');
    assert_eq!(parts.next(), Some("\"user\""), "{value}");
    let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    found.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {value}"))
}

async fn counting_down(on: On) {
    let scene = Scene::new(on, &[("throttle_user", "3/day")], &[]).await;
    let token = token_of("counted", "s-1");
    let until_midnight = 86_400 - now() % 86_400;
    for left in [2, 1, 0] {
        let answer = scene.check(&token).await;
        assert_eq!((answer.status.as_u16(), parameter(&answer, "ratelimit", "r")), (200, left), "{answer:?}");
    }
    // A problem of the route itself carries them too, and is counted.
    let other = token_of("other", "s-2");
    let bad = scene.client.send(check_request(&scene.host.url(CHECK), &other, Bytes::from_static(b"{}"))).await;
    assert_eq!((bad.status.as_u16(), parameter(&bad, "ratelimit", "r")), (400, 2));
    for _ in 0..2 {
        let answer = scene.check(&token).await;
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
async fn answers_count_down_to_a_refusal_that_says_when_embedded() {
    counting_down(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_count_down_to_a_refusal_that_says_when_on_servers() {
    counting_down(On::Servers).await;
}

async fn burst(on: On) {
    let scene = Scene::new(on, &[("throttle_user", "50/day")], &[]).await;
    let token = token_of("many", "s-1");
    let answers = futures_util::future::join_all((0..200).map(|_| scene.check(&token))).await;
    // On a busy machine Redis may answer later than the guard waits. Who passed without it was told nothing.
    let (counted, uncounted): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.header("ratelimit").is_some());
    assert!(uncounted.iter().all(|answer| answer.status.as_u16() == 200));
    let cache_was_slow = scene.host.log().iter().any(|line| line.contains("no answer in time"));
    assert!(uncounted.is_empty() || cache_was_slow, "{} were not counted", uncounted.len());
    let of = |status| counted.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((of(200), of(429)), (50, 150 - uncounted.len()));
    let passed = counted.iter().filter(|answer| answer.status.as_u16() == 200);
    let mut left: Vec<u64> = passed.map(|answer| parameter(answer, "ratelimit", "r")).collect();
    left.sort_unstable();
    assert_eq!(left, (0..50).collect::<Vec<_>>(), "each of them was told another number");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_burst_over_many_instances_exactly_as_many_pass_as_may_embedded() {
    burst(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_burst_over_many_instances_exactly_as_many_pass_as_may_on_servers() {
    burst(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_refused_embedded() {
    let scene = Scene::new(On::Embedded, &[("throttle_user", "3/day")], &["--sqlite", &revoked("s-ended")]).await;
    for _ in 0..5 {
        expect_refused(&scene.check(&token_of("leaver", "s-ended")).await);
    }
    let other = scene.check(&token_of("leaver", "s-begun")).await;
    assert_eq!((other.status.as_u16(), parameter(&other, "ratelimit", "r")), (200, 2), "refusals take no calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_refused_whatever_becomes_of_redis() {
    let scene = Scene::new(On::Servers, &[], &[]).await;
    let Behind { servers, redis, database, cache, .. } = scene.servers();
    let (ended, ends, good) =
        (token_of("leaver", "s-ended"), token_of("leaver", "s-ends"), token_of("leaver", "s-begun"));
    servers.ask(database, &revoked("s-ended")).await;
    expect_refused(&scene.check(&ended).await);
    assert_eq!(scene.check(&ends).await.status.as_u16(), 200);
    assert_eq!(scene.check(&good).await.status.as_u16(), 200);

    // Revoked where Redis does not hear of it; then Redis is emptied: all that it knew has to come from the database.
    servers.ask(database, &revoked("s-ends")).await;
    servers.empty_cache(*cache);
    let tokens = [&ended, &ends, &good, &ended, &ends, &good, &ended, &ends, &good];
    let statuses = futures_util::future::join_all(tokens.map(|token| scene.check(token))).await;
    let statuses: Vec<u16> = statuses.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [401, 401, 200].repeat(3));

    redis.cut();
    for _ in 0..3 {
        expect_refused(&scene.check(&ended).await);
        expect_refused(&scene.check(&ends).await);
        assert_eq!(scene.check(&good).await.status.as_u16(), 200);
    }
    // Nothing in Redis when it comes back, and the same answers.
    servers.empty_cache(*cache);
    redis.restore();
    for _ in 0..3 {
        expect_refused(&scene.check(&ended).await);
        expect_refused(&scene.check(&ends).await);
        assert_eq!(scene.check(&good).await.status.as_u16(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_checks_go_on_uncounted_with_a_warning_and_with_it_again_counted() {
    let scene = Scene::new(On::Servers, &[("throttle_user", "2/day")], &[]).await;
    let Behind { redis, mariadb, .. } = scene.servers();
    let token = token_of("steady", "s-1");
    let first = scene.check(&token).await;
    assert_eq!((first.status.as_u16(), parameter(&first, "ratelimit", "r")), (200, 1));
    redis.cut();
    for _ in 0..5 {
        let answer = scene.check(&token).await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, None), "{answer:?}");
    }
    let warns = |line: &String| line.contains("\"message\":\"cache\"") && line.contains("warn");
    until("the log warns", async || scene.host.log().iter().any(warns)).await;

    let mut uncounted = 5;
    // Now nobody can say whether the session was revoked.
    mariadb.cut();
    let answer = scene.check(&token).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    assert_eq!(answer.json()["type"], "urn:connectivity:problem:storage-unavailable");
    mariadb.restore();
    redis.restore();
    let counted = async {
        loop {
            let answer = scene.check(&token).await;
            if answer.status.as_u16() == 429 {
                break;
            }
            assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
            uncounted += u32::from(answer.header("ratelimit").is_none());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted).await.expect("the throttle works again");
    // The instance has kept the number until there was somebody to tell.
    let line = format!("connectivity_guard_uncounted_total{{component=\"affiliation\"}} {uncounted}");
    until("the metrics tell of it", async || {
        let metrics = scene.client.get(&scene.host.url("/metrics")).await;
        String::from_utf8_lossy(&metrics.body).lines().any(|told| told == line)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_has_forgotten_the_scripts_is_told_them_and_every_call_counts_once() {
    let scene = Scene::new(On::Servers, &[("throttle_user", "20/day")], &[]).await;
    let token = token_of("steady", "s-1");
    for left in (10..20).rev() {
        scene.servers().servers.forget_scripts();
        let answer = scene.check(&token).await;
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
async fn pages_of_the_named_origins_may_read_answers_and_no_others() {
    let origins = "https://app.example.org, http://localhost:8080";
    let scene = Scene::new(On::Embedded, &[("cors_allowed_origins", origins)], &[]).await;
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
    // A refusal can be read as well: a page has to know why.
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
async fn where_no_origin_is_named_no_page_may_read_and_browsers_are_told_what_an_answer_is_not() {
    let scene = Scene::new(On::Embedded, &[], &[]).await;
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
async fn who_a_caller_says_it_is_counts_only_if_a_trusted_proxy_says_it() {
    let host = Host::start_application(&[("upstream", "http://127.0.0.1:9")], &["--from", "tests/guest/spin.toml"]);
    let ask = async |trusted: &str| {
        let request = Request::get(host.url(&format!("/probe/client?{trusted}")))
            .header("spin-client-addr", "203.0.113.66:1")
            .header("x-forwarded-for", "203.0.113.7, 198.51.100.9");
        let answer = Client::default().send(request.body(Full::default()).expect("a request")).await;
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    assert_eq!(ask("").await, "127.0.0.1");
    assert_eq!(ask("10.0.0.0/8,203.0.113.66").await, "127.0.0.1");
    assert_eq!(ask("127.0.0.0/8").await, "198.51.100.9");
    assert_eq!(ask("127.0.0.1,198.51.100.0/24").await, "203.0.113.7");
}
