//! Black-box tests of the affiliation check: real components, with embedded databases and with
//! MariaDB and Redis.

use bytes::Bytes;
use connectivity_tests::backend::On;
use connectivity_tests::check::{CHECK, Scene, expect_problem};
use connectivity_tests::client::{check_request, claims, now, sign, token};
use connectivity_tests::host::SECRET;
use connectivity_tests::pipeline::until;
use http::header;
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::time::Duration;

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
    // One citizen, whatever the spelling.
    let url = scene.host.url(CHECK);
    for id in [json!("001128456232"), json!(1_128_456_232.0)] {
        let answer = scene.client.check_raw(&url, json!({"citizen_id": id}).to_string()).await;
        assert_eq!(answer.json()["citizen_id"], "1128456232", "{answer:?}");
    }
    let rows = scene.history("1128456232").await;
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter()
            .all(|row| row["status"] == "ELIGIBLE" && row["is_eligible"] == true && row["exists_in_system"] == false)
    );
    assert!(rows.iter().all(|row| row["requested_by"] == "tests"), "the subject of the token");
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

#[tokio::test(flavor = "multi_thread")]
async fn checks_fail_while_the_database_is_down_and_work_again_after() {
    let scene = Scene::new(On::Servers, &[]).await;
    let backend = scene.backend();
    assert_eq!(scene.check("1128456232").await.status.as_u16(), 200);
    backend.mariadb.cut();
    for _ in 0..5 {
        expect_problem(&scene.check("1128456232").await, 503, "storage-unavailable");
    }
    let count = async || backend.query("SELECT CAST(COUNT(*) AS CHAR) FROM affiliation_checks").await;
    assert_eq!(count().await, ["1"]);
    backend.mariadb.restore();
    for _ in 0..5 {
        assert_eq!(scene.check("1128456232").await.status.as_u16(), 200, "{:?}", scene.host.log());
    }
    assert_eq!(count().await, ["6"], "one row for each verdict");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_database_connections_do_not_hang_requests() {
    let scene = Scene::new(On::Servers, &[]).await;
    let backend = scene.backend();
    let (url, mut answered) = (scene.host.url(CHECK), 0);
    for _ in 0..20 {
        let checks: Vec<_> = (0..16)
            .map(|_| {
                let (client, url) = (scene.client.clone(), url.clone());
                tokio::spawn(async move { client.check(&url, "1128456232").await.status.as_u16() })
            })
            .collect();
        backend.mariadb.break_one();
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
    let recorded = backend.query("SELECT CAST(COUNT(*) AS CHAR) FROM affiliation_checks").await;
    assert!(recorded[0].parse::<u32>().expect("a number") >= answered, "every verdict is recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_over_its_rate_limit_gets_429_with_retry_after() {
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
async fn affiliated_citizens_are_cached_and_answered_with_the_configured_status() {
    for on in [On::Embedded, On::Servers] {
        let variables = [("affiliation_cache_seconds", "60"), ("affiliated_status", "204")];
        let scene = Scene::new(on, &variables).await;
        let id = format!("{}1", now() % 100_000_000 + 100_000_000);
        for _ in 0..3 {
            let answer = scene.check(&id).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
        }
        assert_eq!(scene.simulator.calls(&id).len(), 1);
        assert_eq!(scene.history(&id).await.len(), 3, "cached verdicts are recorded too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_settings_are_logged_by_name_and_answered_with_not_ready() {
    let scene = Scene::new(On::Embedded, &[("jwt_secret", "too-short"), ("affiliated_status", "404")]).await;
    expect_problem(&scene.check("1128456232").await, 503, "not-ready");
    let names_both = |line: &String| line.contains("jwt_secret") && line.contains("affiliated_status");
    until("the log names both", async || scene.host.log().iter().any(names_both)).await;
    let log = scene.host.log().join("\n");
    assert!(!log.contains("too-short"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_contains_no_token_and_no_whole_citizen_id() {
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
async fn unknown_paths_methods_and_media_types_are_rejected() {
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
