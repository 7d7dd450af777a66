//! Scenarios: what bounds logins. Failed attempts are counted with and without Redis, the secrets
//! of all callers are compared at one pace, and a client that introspects costs no login.

use connectivity_tests::access::{Access, OPERATOR, SECRETS};
use connectivity_tests::backend::On;
use connectivity_tests::client::Answer;
use futures_util::future::join_all;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use std::time::{Duration, Instant};

/// The logins of a flood: more than fit into the queue. Each four of them take an instance, and each
/// instance a connection to the database.
const LOGINS: u32 = 60;

async fn log_in(access: &Access, from: &str, name: &str, secret: &str) -> Answer {
    let body = json!({"username": name, "password": secret}).to_string();
    let request = Request::post(access.host.url("/api/v1/token/"))
        .header("content-type", "application/json")
        .header("x-forwarded-for", from);
    access.client.send(request.body(Full::from(body)).expect("a request")).await
}

/// Tries wrong secrets from these addresses, ten at once, and returns how many were compared.
async fn guess(access: &Access, addresses: &[String]) -> usize {
    let mut compared = 0;
    for (first, ten) in addresses.chunks(10).enumerate() {
        let guesses = ten.iter().enumerate().map(|(second, from)| (from, format!("wrong wrong {first} {second}")));
        let answers = guesses.map(async |(from, secret)| log_in(access, from, "operator", &secret).await);
        let answers = join_all(answers).await;
        for answer in answers {
            match answer.status.as_u16() {
                401 => compared += 1,
                429 => assert!(answer.header("retry-after").is_some()),
                status => panic!("{status} {answer:?}"),
            }
        }
    }
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_logins_are_throttled_while_redis_is_down() {
    let access = Access::start(On::Servers, &[("trusted_proxies", "127.0.0.1")]).await;
    access.pair("operator", OPERATOR).await;
    access.backend().redis.cut();
    let compared = guess(&access, &vec!["203.0.113.66".to_owned(); 200]).await;
    assert!((5..30).contains(&compared), "{compared} secrets were compared");
    assert_eq!(log_in(&access, "203.0.113.66", "operator", OPERATOR).await.status, 429);
    let started = Instant::now();
    // A login that could not be counted, because SQLite was busy, may try again after a second.
    while log_in(&access, "198.51.100.1", "operator", OPERATOR).await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", access.host.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn old_secret(on: On) {
    let access = Access::start(on, &[("trusted_proxies", "127.0.0.1"), ("throttle_logins", "100/second")]).await;
    let old = async || log_in(&access, "203.0.113.66", "operator", "the secret of last year").await.status.as_u16();
    // The first ones come at the same time, so several of them are compared.
    join_all((0..4).map(|_| old())).await;
    for _ in 0..60 {
        assert_eq!(old().await, 401, "the answer stays the same");
    }
    assert_eq!(log_in(&access, "203.0.113.66", "operator", OPERATOR).await.status, 200, "the right secret");
    assert_eq!(old().await, 401);
    // Somebody who guesses has to wait all the same.
    assert!(guess(&access, &vec!["203.0.113.66".to_owned(); 60]).await < 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_repeats_an_old_secret_does_not_lock_out_the_right_one_embedded() {
    old_secret(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_repeats_an_old_secret_does_not_lock_out_the_right_one_on_servers() {
    old_secret(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_one_ipv6_network_share_their_failed_logins() {
    let access = Access::start(On::Servers, &[("trusted_proxies", "127.0.0.1")]).await;
    let addresses: Vec<_> = (1..=100).map(|number| format!("2001:db8:1:2::{number:x}")).collect();
    let compared = guess(&access, &addresses).await;
    assert!((5..30).contains(&compared), "{compared} secrets were compared");
    assert_eq!(log_in(&access, "2001:db8:1:3::1", "operator", OPERATOR).await.status, 200, "another network");
    let addresses = "SELECT COUNT(DISTINCT address) FROM access_audit WHERE address LIKE '2001:db8:1:2::%'";
    assert_eq!(access.backend().query(addresses).await, ["100"], "the audit has the addresses themselves");
}

async fn flood(on: On) {
    let access = Access::start(on, &[("trusted_proxies", "127.0.0.1"), ("throttle_logins", "10/second")]).await;
    let started = Instant::now();
    let addresses: Vec<_> = (1..=LOGINS).map(|number| format!("198.51.100.{number}")).collect();
    // Each name and each address is new, so nothing else limits them.
    let names: Vec<_> = addresses.iter().map(|from| format!("name-{from}")).collect();
    let pairs = addresses.iter().zip(&names);
    let logins = pairs.map(|(from, name)| log_in(&access, from, name, "wrong wrong wrong"));
    let mut compared = 0;
    for answer in join_all(logins).await {
        match answer.status.as_u16() {
            401 => compared += 1,
            429 => {
                let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
                assert!(seconds.is_some_and(|seconds| seconds > 0), "{answer:?}");
            }
            status => panic!("{status} {answer:?} {:?}", access.host.log()),
        }
    }
    // The last one starts at most two seconds after it came.
    let most = (started.elapsed().as_secs_f64() * 10.0).ceil() + 21.0;
    assert!(compared >= 10 && f64::from(compared) <= most, "{compared} of at most {most}");
    assert!(compared < LOGINS, "the queue is bounded");
    let ended = Instant::now();
    // The queue is empty two seconds later, and an attempt that did not fit into it does not count.
    while log_in(&access, "203.0.113.1", "operator", OPERATOR).await.status == 429 {
        assert!(ended.elapsed() < Duration::from_secs(10), "the queue does not empty");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_is_compared_at_one_pace_embedded() {
    flood(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_is_compared_at_one_pace_on_servers() {
    flood(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_introspects_starts_no_sessions_and_is_hashed_once() {
    let access = Access::start(On::Servers, &[]).await;
    let token = access.granted("operator", OPERATOR, None).await;
    let root = SECRETS.root.replace(' ', "+");
    let form = format!("token={token}&client_id=root&client_secret={root}");
    let count = async || access.backend().query("SELECT COUNT(*) FROM sessions").await;
    let before = count().await;
    let started = Instant::now();
    for _ in 0..25 {
        let answers = join_all((0..20).map(|_| access.form("/oauth/introspect", &[], &form))).await;
        for answer in answers {
            assert_eq!(answer.json()["active"], json!(true), "{answer:?} {:?}", access.host.log());
        }
    }
    let per_second = 500.0 / started.elapsed().as_secs_f64();
    println!("{per_second:.0} introspections per second");
    assert_eq!(count().await, before);
    // A hash takes 45 ms: one for each would be 22 per second and processor.
    assert!(per_second > 100.0, "{per_second:.0} introspections per second");
    let own = access.granted("root", SECRETS.root, None).await;
    let rotate = "/api/v1/service-accounts/root/rotate/";
    assert_eq!(access.call("POST", rotate, &own, &serde_json::Value::Null).await.status, 200);
    let answers = join_all((0..20).map(|_| access.form("/oauth/introspect", &[], &form))).await;
    assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status.as_u16())), "the old secret is forgotten");
}
