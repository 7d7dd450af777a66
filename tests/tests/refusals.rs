//! Black-box tests of requests that the affiliation check rejects: invalid bodies and invalid
//! tokens.

use bytes::Bytes;
use connectivity_tests::backend::On;
use connectivity_tests::check::{CHECK, Scene, expect_problem};
use connectivity_tests::client::{check_request, claims, now, sign, token};
use connectivity_tests::host::SECRET;
use http::header;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn invalid_bodies_get_400_or_413_before_the_registry_is_asked() {
    let scene = Scene::new(On::Embedded, &[]).await;
    let bodies = bad_bodies();
    assert!(bodies.len() >= 100, "{}", bodies.len());
    for body in bodies {
        let long = body.len() > 64 * 1024;
        let shown: String = body.chars().take(60).collect();
        let answer = scene.client.check_raw(&scene.host.url(CHECK), body).await;
        assert_eq!(answer.status.as_u16(), if long { 413 } else { 400 }, "{shown}");
    }
    assert_eq!(scene.simulator.count(), 0, "the registry was not asked");
}

/// Sends a request whose body arrives in small pieces, one every 40 ms, and never ends. Returns the
/// response.
async fn response_to_slow_body(scene: &Scene, path: &str, token: &str, length: u32, piece: &[u8]) -> String {
    let stream = TcpStream::connect(scene.host.address()).await.expect("a connection");
    let (mut answer, mut request) = stream.into_split();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n"
    );
    request.write_all(head.as_bytes()).await.expect("written");
    let sending = async {
        // Until the host closes the connection.
        while request.write_all(piece).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    };
    let mut read = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        // Until the end, or a reset because the host did not read the whole body.
        while let Ok(length @ 1..) = answer.read(&mut buffer).await {
            read.extend_from_slice(&buffer[..length]);
        }
    };
    let answered = tokio::time::timeout(Duration::from_secs(40), async {
        tokio::select! { () = reading => {}, () = async { sending.await; std::future::pending().await } => {} }
    });
    answered.await.expect("an answer in time");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_time_out_and_long_ones_are_rejected_at_once() {
    let scene = Scene::new(On::Embedded, &[]).await;
    let token = token();
    let (silent, dripping, without_a_token) = tokio::join!(
        response_to_slow_body(&scene, CHECK, &token, 30, b""),
        response_to_slow_body(&scene, CHECK, &token, 30_000, b" "),
        response_to_slow_body(&scene, "/oauth/token", "", 30, b""),
    );
    for (response, seconds) in [(silent, 10), (dripping, 10), (without_a_token, 3)] {
        let expected = format!("within {seconds} seconds");
        assert!(response.starts_with("HTTP/1.1 400") && response.contains(&expected), "{response}");
    }
    for path in [CHECK, "/oauth/token"] {
        let announced = response_to_slow_body(&scene, path, &token, 100_000_000, b"").await;
        assert!(announced.starts_with("HTTP/1.1 413"), "{path}: {announced}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_request_without_a_valid_token_is_not_waited_for() {
    let scene = Scene::new(On::Embedded, &[]).await;
    let routes =
        [CHECK, "/api/v1/documents/authenticate/", "/internal/v1/documents/deliveries", "/api/v1/service-accounts/"];
    for path in routes {
        let started = Instant::now();
        let response = response_to_slow_body(&scene, path, "x", 30, b"").await;
        assert!(response.starts_with("HTTP/1.1 401"), "{path}: {response}");
        assert!(started.elapsed() < Duration::from_secs(3), "{path}: {:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn encoded_bodies_are_rejected_with_the_accepted_encoding() {
    let scene = Scene::new(On::Embedded, &[]).await;
    for (encoding, expected) in [("gzip", 415), ("gzip, identity", 415), ("identity", 200)] {
        let mut request =
            check_request(&scene.host.url(CHECK), &token(), Bytes::from_static(br#"{"citizen_id": "1128456232"}"#));
        request.headers_mut().insert(header::CONTENT_ENCODING, encoding.parse().expect("a value"));
        let answer = scene.client.send(request).await;
        assert_eq!(answer.status.as_u16(), expected, "{encoding}");
        assert_eq!(answer.header("accept-encoding"), (expected == 415).then_some("identity"));
    }
}

/// Returns invalid bodies, each for another reason.
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
        "000000",
        "0000012345",
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
            json!(1_128_456_232.5),
            json!(12_345.0),
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
async fn invalid_tokens_get_401() {
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
        // {"alg":"none"}, with and without a signature, and in upper case.
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        format!("eyJhbGciOiJub25lIn0.{payload}.{signature}"),
        format!("eyJhbGciOiJOT05FIn0.{payload}."),
        sign(&claims(), Algorithm::HS512, SECRET),
        sign(&claims(), Algorithm::HS384, SECRET),
        sign(&claims(), Algorithm::HS256, public_key),
        sign(&claims(), Algorithm::HS256, "another secret, also of 32 bytes or more"),
        sign(&claims(), Algorithm::HS256, ""),
        with("iss", json!("other")),
        with("aud", json!("other")),
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
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\", error_description=\""), "{token}: {challenge}");
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
    assert_eq!(scene.simulator.count(), 0, "the registry was not asked");
}
