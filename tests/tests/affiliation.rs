//! The affiliation check, black box: real components on the local host, against the embedded default and against
//! MariaDB and Redis.

use bytes::Bytes;
use connectivity_tests::client::{Answer, Client, check_request, claims, now, sign, token};
use connectivity_tests::host::{Host, SECRET};
use connectivity_tests::proxy::Proxy;
use connectivity_tests::servers::Servers;
use connectivity_tests::simulator::{Behaviour, Simulator};
use http::header;
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::time::Duration;

const CHECK: &str = "/api/v1/affiliation/check/";

/// The application, its registry, and what stands between it and its servers.
struct Scene {
    host: Host,
    simulator: Simulator,
    client: Client,
    database: Option<(Proxy, String)>,
}

enum On {
    Embedded,
    Servers,
}

impl Scene {
    async fn new(on: On, variables: &[(&str, &str)]) -> Self {
        let simulator = Simulator::start().await.expect("a simulator");
        let url = simulator.url();
        Self::asking(on, simulator, &url, variables).await
    }

    /// The application asks `registry`, which may be no registry at all.
    async fn asking(on: On, simulator: Simulator, registry: &str, variables: &[(&str, &str)]) -> Self {
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

    async fn check(&self, citizen: &str) -> Answer {
        self.client.check(&self.host.url(CHECK), citizen).await
    }

    async fn history(&self, citizen: &str) -> Vec<Value> {
        let path = format!("/api/v1/affiliation/history/?citizen_id={citizen}");
        let answer = self.client.get(&self.host.url(&path)).await;
        answer.json()["results"].as_array().cloned().unwrap_or_default()
    }
}

fn expect_problem(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.json()["type"], format!("urn:connectivity:problem:{slug}"));
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
    assert!(!answer.body.windows(11).any(|bytes| bytes == b"is_eligible"));
}

async fn verdicts(on: On) {
    let scene = Scene::new(on, &[]).await;
    let answer = scene.check(" 1128456232 ").await;
    let expected =
        json!({"citizen_id": "1128456232", "is_eligible": true, "external_api_status_code": 204, "citizen_data": null});
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected));
    let answer = scene.check("1128456231").await;
    let data = "El ciudadano con id: 1128456231 se encuentra registrado en el operador: Operador Ciudadano";
    let expected = json!({"citizen_id": "1128456231", "is_eligible": false, "external_api_status_code": 200, "citizen_data": data});
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected));
    for _ in 0..2 {
        scene.check("1128456232").await;
    }
    let rows = scene.history("1128456232").await;
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter()
            .all(|row| row["status"] == "ELIGIBLE" && row["is_eligible"] == true && row["exists_in_system"] == false)
    );
    assert!(
        rows.windows(2).all(|pair| pair[0]["checked_at"].as_str() >= pair[1]["checked_at"].as_str()),
        "newest first"
    );
    let page =
        scene.client.get(&scene.host.url("/api/v1/affiliation/history?citizen_id=1128456232&page=2&page_size=2")).await;
    assert_eq!((page.json()["count"].as_u64(), page.json()["results"].as_array().map(Vec::len)), (Some(3), Some(1)));
    assert_eq!(page.json()["next"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_answered_and_recorded_embedded() {
    verdicts(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_answered_and_recorded_on_servers() {
    verdicts(On::Servers).await;
}

async fn registry_failures(on: On) {
    // The breaker is not the subject here: few tries, spread over many ids.
    let scene = Scene::new(on, &[("registry_attempts", "1")]).await;
    let ten_megabytes = Behaviour::text(503, &"x".repeat(10 * 1024 * 1024));
    let cases = [
        ("1000002", Behaviour::text(500, "error"), "registry-unavailable"),
        ("1000004", Behaviour::html(503), "registry-unavailable"),
        ("1000006", Behaviour::Hang, "registry-unavailable"),
        ("1000008", ten_megabytes, "registry-unavailable"),
        ("1000010", Behaviour::text(501, "\"Parametros incorrectos \""), "registry-refused"),
        ("1000012", Behaviour::text(404, ""), "registry-refused"),
        ("1000014", Behaviour::text(302, ""), "registry-nonsense"),
        ("1000016", Behaviour::text(201, "true"), "registry-nonsense"),
    ];
    for (id, behaviour, slug) in cases {
        scene.simulator.behave(id, behaviour);
        let answer = scene.check(id).await;
        expect_problem(&answer, 503, slug);
        assert!(
            answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0))
        );
        let rows = scene.history(id).await;
        assert_eq!(rows.len(), 1, "{id}");
        assert_eq!(
            (&rows[0]["status"], &rows[0]["is_eligible"], &rows[0]["exists_in_system"]),
            (&json!("ERROR"), &json!(false), &Value::Null)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_never_makes_eligible_embedded() {
    registry_failures(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_never_makes_eligible_on_servers() {
    registry_failures(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_a_200_decide_nothing() {
    let scene = Scene::new(On::Embedded, &[]).await;
    for (id, body) in [
        ("2000002", String::new()),
        ("2000004", "no json ".to_owned()),
        ("2000006", "<html>200</html>".to_owned()),
        ("2000008", "\"eligible\"".to_owned()),
        ("2000010", "x".repeat(10 * 1024 * 1024)),
    ] {
        scene.simulator.behave(id, Behaviour::text(200, &body));
        let answer = scene.check(id).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["is_eligible"]), (200, &json!(false)), "{id}");
        assert_eq!(scene.history(id).await[0]["status"], "ALREADY_AFFILIATED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_not_there_or_not_trusted_is_a_503() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let simulator = Simulator::start().await.expect("a simulator");
    // TLS spoken to a server that speaks none.
    let untrusted = simulator.url().replace("http://", "https://");
    for registry in [format!("http://{closed}"), untrusted] {
        let scene = Scene::asking(On::Embedded, Simulator::start().await.expect("a simulator"), &registry, &[]).await;
        expect_problem(&scene.check("1128456232").await, 503, "registry-unavailable");
        assert_eq!(scene.history("1128456232").await[0]["status"], "ERROR");
        assert_eq!(scene.history("1128456232").await[0]["is_eligible"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_fails_is_repeated_and_what_the_registry_asks_for_is_respected() {
    let scene = Scene::new(On::Embedded, &[("registry_timeout_ms", "5000"), ("registry_api_key", "key-1")]).await;
    scene.simulator.behave("3000002", Behaviour::FailFirst { times: 2, status: 503 });
    let mut request =
        check_request(&scene.host.url(CHECK), &token(), Bytes::from_static(br#"{"citizen_id": "3000002"}"#));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.headers_mut().insert("traceparent", trace.parse().expect("a value"));
    let answer = scene.client.send(request).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["is_eligible"]), (200, &json!(true)));
    let calls = scene.simulator.calls("3000002");
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert_eq!(call.headers["traceparent"], trace);
        assert_eq!(call.headers[header::AUTHORIZATION], "Bearer key-1");
    }
    // Longer than the call may take: it is passed on to the caller, not waited for.
    let later =
        Behaviour::Answer { status: 429, content_type: "text/plain", body: Bytes::new(), retry_after: Some(77) };
    scene.simulator.behave("3000004", later);
    let answer = scene.check("3000004").await;
    expect_problem(&answer, 503, "registry-unavailable");
    assert_eq!(answer.header("retry-after"), Some("77"));
    assert_eq!(scene.simulator.calls("3000004").len(), 1);
}

async fn breaker(on: On) {
    let scene = Scene::new(on, &[]).await;
    for number in 0..10 {
        let id = format!("40000{number}0");
        scene.simulator.behave(&id, Behaviour::text(500, ""));
        expect_problem(&scene.check(&id).await, 503, "registry-unavailable");
    }
    let asked = scene.simulator.count();
    assert!(asked < 30, "the breaker did not open: {asked} calls");
    expect_problem(&scene.check("4000098").await, 503, "registry-unavailable");
    assert_eq!(scene.simulator.calls("4000098").len(), 0, "the registry is left alone");
    assert_eq!(scene.history("4000098").await[0]["status"], "ERROR");
    // The registry is well: the first probe finds it, and all go through again.
    let recovered = async {
        while scene.check("4000098").await.status.as_u16() != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), recovered).await.expect("the breaker closes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_again_and_again_is_left_alone_embedded() {
    breaker(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_again_and_again_is_left_alone_on_servers() {
    breaker(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_check_is_a_400_or_413() {
    let scene = Scene::new(On::Embedded, &[]).await;
    let bodies = bad_bodies();
    assert!(bodies.len() >= 100, "{}", bodies.len());
    for body in bodies {
        let long = body.len() > 64 * 1024;
        let shown: String = body.chars().take(60).collect();
        let answer = scene.client.check_raw(&scene.host.url(CHECK), body).await;
        assert_eq!(answer.status.as_u16(), if long { 413 } else { 400 }, "{shown}");
    }
    assert_eq!(scene.simulator.count(), 0, "nobody was asked");
}

/// Bodies that are not a check, each in its own way.
fn bad_bodies() -> Vec<String> {
    let id = |value: Value| json!({ "citizen_id": value }).to_string();
    let mut texts: Vec<String> = [
        "",
        " ",
        "\t\n",
        "abcdef",
        "12345",
        "1234567890123",
        "12 3456",
        "+123456",
        "-123456",
        "123456.0",
        "1e6",
        "0x123456",
        "１２３４５６",
        "١٢٣٤٥٦",
        "๑๒๓๔๕๖",
        "123456\u{0}",
        "\u{feff}123456",
        "12345\u{200b}6",
        "' OR 1=1 --",
        "../123456",
        "null",
        "true",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend((0..6).map(|length| "1".repeat(length)));
    texts.extend((13..40).map(|length| "1".repeat(length)));
    texts.extend(('a'..='z').map(|letter| format!("12345{letter}")));
    texts.push("1".repeat(1024 * 1024));
    let mut bodies: Vec<_> = texts.into_iter().map(|text| id(json!(text))).collect();
    bodies.extend(
        [
            json!(null),
            json!(true),
            json!(1_128_456_232),
            json!(-1),
            json!(1.5),
            json!([]),
            json!(["1128456232"]),
            json!({"citizen_id": "1128456232"}),
            json!({"$ne": ""}),
        ]
        .map(id),
    );
    bodies.extend(
        [
            "",
            "{",
            "[]",
            "\"1128456232\"",
            "1128456232",
            "{}",
            "{\"citizen\": \"1128456232\"}",
            "{'citizen_id': '1128456232'}",
            "citizen_id=1128456232",
            "{\"citizen_id\": \"1128456232\"",
            "\u{0}",
            "{\"citizen_id\": \"1128456232\"} x",
            "{\"citizen_id\": \"1128456232\", \"citizen_id\": \"1128456232\"}",
        ]
        .map(str::to_owned),
    );
    bodies.push("[".repeat(60_000));
    bodies.push(" ".repeat(1024 * 1024));
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_do_not_hold_are_a_401() {
    let scene = Scene::new(On::Embedded, &[]).await;
    let url = scene.host.url(CHECK);
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        sign(&claims, Algorithm::HS256, SECRET)
    };
    let good = token();
    let (head, rest) = good.split_once('.').expect("three parts");
    let (payload, signature) = rest.split_once('.').expect("three parts");
    let public_key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let tokens = [
        // {"alg":"none"}, with and without a signature, and in other spellings
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        format!("eyJhbGciOiJub25lIn0.{payload}.{signature}"),
        format!("eyJhbGciOiJOT05FIn0.{payload}."),
        sign(&claims(), Algorithm::HS512, SECRET),
        sign(&claims(), Algorithm::HS384, SECRET),
        sign(&claims(), Algorithm::HS256, public_key),
        sign(&claims(), Algorithm::HS256, "another secret, also of 32 bytes or more"),
        sign(&claims(), Algorithm::HS256, ""),
        with("iss", json!("somebody")),
        with("aud", json!("somebody")),
        with("token_type", json!("refresh")),
        with("token_type", json!(null)),
        with("exp", json!(now() - 60)),
        with("exp", json!("never")),
        with("nbf", json!(now() + 600)),
        with("iat", json!(now() + 600)),
        with("jti", json!(null)),
        with("sub", json!("")),
        format!("{head}.{payload}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}.{}", &signature[..signature.len() - 2]),
        good[..good.len() / 2].to_owned(),
        format!("{good}.{good}"),
        "x".repeat(8_000),
        String::new(),
    ];
    for token in tokens {
        let answer = scene.client.send(check_request(&url, &token, Bytes::from_static(b"{}"))).await;
        assert_eq!(answer.status.as_u16(), 401, "{token}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{token}");
    }
    let mut twice = check_request(&url, &good, Bytes::from_static(b"{}"));
    let again = twice.headers()[header::AUTHORIZATION].clone();
    twice.headers_mut().append(header::AUTHORIZATION, again);
    expect_problem(&scene.client.send(twice).await, 401, "invalid-token");
    let mut none = check_request(&url, &good, Bytes::from_static(b"{}"));
    none.headers_mut().remove(header::AUTHORIZATION);
    let answer = scene.client.send(none).await;
    expect_problem(&answer, 401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    let other = with("scope", json!("documents affiliations"));
    expect_problem(&scene.client.send(check_request(&url, &other, Bytes::from_static(b"{}"))).await, 403, "forbidden");
    assert_eq!(scene.simulator.count(), 0, "nobody was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_it_answers_nothing_and_with_it_again_everything() {
    let scene = Scene::new(On::Servers, &[]).await;
    let (proxy, name) = scene.database.as_ref().expect("a database");
    assert_eq!(scene.check("1128456232").await.status.as_u16(), 200);
    proxy.cut();
    for _ in 0..5 {
        expect_problem(&scene.check("1128456232").await, 503, "storage-unavailable");
    }
    let count =
        || async { Servers::running().ask(name, "SELECT CAST(COUNT(*) AS CHAR) FROM affiliation_checks").await };
    assert_eq!(count().await, ["1"]);
    proxy.restore();
    for _ in 0..5 {
        assert_eq!(scene.check("1128456232").await.status.as_u16(), 200, "{:?}", scene.host.log());
    }
    assert_eq!(count().await, ["6"], "one row for each answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_under_load_hang_nothing() {
    let scene = Scene::new(On::Servers, &[]).await;
    let (proxy, name) = scene.database.as_ref().expect("a database");
    let (url, mut answered) = (scene.host.url(CHECK), 0);
    for _ in 0..20 {
        let checks: Vec<_> = (0..16)
            .map(|_| {
                let (client, url) = (scene.client.clone(), url.clone());
                tokio::spawn(async move { client.check(&url, "1128456232").await.status.as_u16() })
            })
            .collect();
        proxy.break_one();
        for check in checks {
            match check.await.expect("an answer") {
                200 => answered += 1,
                status => assert_eq!(
                    status,
                    503,
                    "{:#?}",
                    scene
                        .host
                        .log()
                        .iter()
                        .filter(|line| !line.contains("\"message\":\"request\""))
                        .collect::<Vec<_>>()
                ),
            }
        }
    }
    assert!(answered >= 300, "{answered} of 320");
    let recorded = Servers::running().ask(name, "SELECT CAST(COUNT(*) AS CHAR) FROM affiliation_checks").await;
    assert!(recorded[0].parse::<u32>().expect("a number") >= answered, "every answer has its row");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_calls_too_often_is_told_when_to_come_back() {
    for on in [On::Embedded, On::Servers] {
        let scene = Scene::new(on, &[("throttle_user", "3/day")]).await;
        let mut claims = claims();
        claims["sub"] = json!(format!("subject-{}", claims["jti"].as_str().expect("an id")));
        let token = sign(&claims, Algorithm::HS256, SECRET);
        let body = Bytes::from_static(br#"{"citizen_id": "1128456232"}"#);
        let mut statuses = Vec::new();
        for _ in 0..5 {
            let answer = scene.client.send(check_request(&scene.host.url(CHECK), &token, body.clone())).await;
            if answer.status.as_u16() == 429 {
                expect_problem(&answer, 429, "too-many-requests");
                assert!(answer.header("retry-after").is_some());
            }
            statuses.push(answer.status.as_u16());
        }
        assert_eq!(statuses, [200, 200, 200, 429, 429]);
        assert_eq!(scene.check("1128456232").await.status.as_u16(), 200, "others are not affected");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_affiliated_are_remembered_when_that_is_on_and_answered_as_configured() {
    for on in [On::Embedded, On::Servers] {
        let variables = [("affiliation_cache_seconds", "60"), ("affiliated_status", "204")];
        let scene = Scene::new(on, &variables).await;
        let id = format!("{}1", now() % 100_000_000 + 100_000_000);
        for _ in 0..3 {
            let answer = scene.check(&id).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
        }
        assert_eq!(scene.simulator.calls(&id).len(), 1);
        assert_eq!(scene.history(&id).await.len(), 3, "remembered answers are recorded too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_told_by_name_and_answered_as_not_ready() {
    let scene = Scene::new(On::Embedded, &[("jwt_secret", "too-short"), ("affiliated_status", "404")]).await;
    expect_problem(&scene.check("1128456232").await, 503, "not-ready");
    let log = scene.host.log().join("\n");
    assert!(log.contains("jwt_secret") && log.contains("affiliated_status"), "{log}");
    assert!(!log.contains("too-short"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_work_is_finished_before_the_host_stops() {
    let mut scene = Scene::new(On::Embedded, &[("registry_timeout_ms", "5000")]).await;
    // Two tries fail and are repeated: the check takes a while.
    scene.simulator.behave("5000002", Behaviour::FailFirst { times: 2, status: 503 });
    let (client, url) = (scene.client.clone(), scene.host.url(CHECK));
    let check = tokio::spawn(async move { client.check(&url, "5000002").await.status.as_u16() });
    while scene.simulator.calls("5000002").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ended = tokio::task::block_in_place(|| scene.host.terminate());
    assert_eq!(check.await.expect("an answer"), 200);
    assert!(ended.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_token_and_no_whole_id() {
    let scene = Scene::new(On::Embedded, &[]).await;
    let token = token();
    let body = Bytes::from_static(br#"{"citizen_id": "1128456232"}"#);
    scene.client.send(check_request(&scene.host.url(CHECK), &token, body)).await;
    scene.history("1128456232").await;
    scene.check("1128456231").await;
    let logged = async {
        while scene.host.log().iter().filter(|line| line.contains("\"message\":\"request\"")).count() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), logged).await.expect("a line for each request");
    let log = scene.host.log().join("\n");
    for secret in [token.as_str(), "1128456232", "1128456231", SECRET, "Bearer"] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(log.lines().filter(|line| line.starts_with('{')).all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_methods_and_media_types_are_checked() {
    let scene = Scene::new(On::Embedded, &[]).await;
    expect_problem(&scene.client.get(&scene.host.url("/api/v1/affiliation/nothing")).await, 404, "not-found");
    let answer = scene.client.get(&scene.host.url(CHECK)).await;
    expect_problem(&answer, 405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
    let mut text = check_request(&scene.host.url(CHECK), &token(), Bytes::from_static(b"1128456232"));
    text.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().expect("a value"));
    expect_problem(&scene.client.send(text).await, 415, "unsupported-media-type");
    let request = http::Request::get(scene.host.url("/nowhere")).body(Full::default()).expect("a request");
    assert_eq!(scene.client.send(request).await.status.as_u16(), 404);
}
