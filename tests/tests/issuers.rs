//! Tokens of a second issuer, verified with the keys that it publishes.

use connectivity_tests::backend::On;
use connectivity_tests::check::Scene;
use connectivity_tests::client::{sign, token};
use connectivity_tests::issuer::{ISSUER, Issuer, Key, claims, variables};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

async fn start(issuer: [(&'static str, String); 3]) -> Scene {
    let variables = issuer.each_ref().map(|(name, value)| (*name, value.as_str()));
    // One instance serves all requests of a test, so that it fetches the keys once.
    Scene::with_arguments(On::Embedded, &variables, &["--idle-instance-timeout", "30s"]).await
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_verifies_only_tokens_of_its_issuer_with_its_algorithm() {
    let (rsa, p256, ed25519) = (Key::rsa("r"), Key::p256("p"), Key::ed25519("e"));
    let issuer = Issuer::start(&[&rsa, &p256, &ed25519]).await;
    let scene = start(issuer.variables()).await;
    for good in [rsa.sign(&claims()), p256.sign(&claims()), ed25519.sign(&claims()), token()] {
        let answer = scene.check_as(&good).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?} {:?}", scene.host.log());
    }
    // Algorithm confusion: the public key used as an HMAC secret (RFC 8725, section 2.1).
    let published = [rsa.public().to_string(), p256.public()["x"].as_str().unwrap_or_default().to_owned()];
    let mut bad: Vec<String> = published.iter().map(|key| sign(&claims(), Algorithm::HS256, key)).collect();
    bad.extend([
        // Another key with a published id, an unknown id, ids with a path and with SQL, and no id.
        Key::p256("p").sign(&claims()),
        p256.sign_as(Some("e"), &claims()),
        p256.sign_as(Some("q"), &claims()),
        p256.sign_as(Some("../../etc/passwd"), &claims()),
        p256.sign_as(Some("' OR 1=1 --"), &claims()),
        p256.sign_as(None, &claims()),
        // The own issuer's name with the other issuer's key and the other way round, and invalid
        // claims.
        p256.sign(&with("iss", json!("connectivity"))),
        sign(&with("iss", json!(ISSUER)), Algorithm::HS256, connectivity_tests::host::SECRET),
        p256.sign(&with("aud", json!("other"))),
        p256.sign(&with("exp", json!(1))),
        p256.sign(&with("token_type", json!("refresh"))),
    ]);
    for token in bad {
        let answer = scene.check_as(&token).await;
        assert_eq!(answer.status.as_u16(), 401, "{token}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{token}");
    }
    assert_eq!(scene.check_as(&p256.sign(&with("scope", json!("documents")))).await.status.as_u16(), 403);
    assert_eq!(issuer.fetches(), 1, "keys are fetched at most once a minute for an unknown id");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_issuer_is_down_its_tokens_get_503_and_own_tokens_work() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let scene = start(variables(&format!("http://{closed}"))).await;
    let answer = scene.check_as(&Key::p256("p").sign(&claims())).await;
    assert_eq!(answer.status.as_u16(), 503, "{answer:?}");
    assert_eq!(answer.json()["type"], "urn:connectivity:problem:not-ready");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(scene.check_as(&token()).await.status.as_u16(), 200);
}
