//! Tokens of another issuer, verified with the keys that it publishes.

use bytes::Bytes;
use connectivity_tests::client::{Answer, Client, check_request, sign, token};
use connectivity_tests::host::Host;
use connectivity_tests::issuer::{ISSUER, Issuer, Key, claims, variables};
use govcarpeta_simulator::Simulator;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

struct Scene {
    host: Host,
    _simulator: Simulator,
    client: Client,
}

impl Scene {
    async fn new(issuer: [(&'static str, String); 3]) -> Self {
        let simulator = Simulator::start().await.expect("a simulator");
        let mut all = vec![("registry_url", simulator.url())];
        all.extend(issuer);
        let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // One instance, so that what it has fetched it has for all.
        let arguments = ["--idle-instance-timeout", "30s"];
        Self { host: Host::start(&all, &arguments), _simulator: simulator, client: Client::default() }
    }

    async fn check(&self, token: &str) -> Answer {
        let body = Bytes::from_static(br#"{"citizen_id": "1128456232"}"#);
        self.client.send(check_request(&self.host.url("/api/v1/affiliation/check/"), token, body)).await
    }
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_verifies_the_tokens_of_its_issuer_under_its_own_algorithm_alone() {
    let (rsa, p256, ed25519) = (Key::rsa("r"), Key::p256("p"), Key::ed25519("e"));
    let issuer = Issuer::start(&[&rsa, &p256, &ed25519]).await;
    let scene = Scene::new(issuer.variables()).await;
    for good in [rsa.sign(&claims()), p256.sign(&claims()), ed25519.sign(&claims()), token()] {
        let answer = scene.check(&good).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?} {:?}", scene.host.log());
    }
    // Confusion: the public key, which everybody has, taken for a secret (RFC 8725 section 2.1).
    let published = [rsa.public().to_string(), p256.public()["x"].as_str().unwrap_or_default().to_owned()];
    let mut bad: Vec<String> = published.iter().map(|key| sign(&claims(), Algorithm::HS256, key)).collect();
    bad.extend([
        // Another key under a published id, an unknown id, an id that looks like something else, none
        Key::p256("p").sign(&claims()),
        p256.sign_as(Some("e"), &claims()),
        p256.sign_as(Some("q"), &claims()),
        p256.sign_as(Some("../../etc/passwd"), &claims()),
        p256.sign_as(Some("' OR 1=1 --"), &claims()),
        p256.sign_as(None, &claims()),
        // Our own issuer's name on another's key, the other way round, and claims that do not hold
        p256.sign(&with("iss", json!("connectivity"))),
        sign(&with("iss", json!(ISSUER)), Algorithm::HS256, connectivity_tests::host::SECRET),
        p256.sign(&with("aud", json!("somebody"))),
        p256.sign(&with("exp", json!(1))),
        p256.sign(&with("token_type", json!("refresh"))),
    ]);
    for token in bad {
        let answer = scene.check(&token).await;
        assert_eq!(answer.status.as_u16(), 401, "{token}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{token}");
    }
    assert_eq!(scene.check(&p256.sign(&with("scope", json!("documents")))).await.status.as_u16(), 403);
    assert_eq!(issuer.asked(), 1, "an unknown key is asked for once a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_issuer_is_away_its_tokens_cannot_be_judged_and_ours_can() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let scene = Scene::new(variables(&format!("http://{closed}"))).await;
    let answer = scene.check(&Key::p256("p").sign(&claims())).await;
    assert_eq!(answer.status.as_u16(), 503, "{answer:?}");
    assert_eq!(answer.json()["type"], "urn:connectivity:problem:not-ready");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(scene.check(&token()).await.status.as_u16(), 200);
}
