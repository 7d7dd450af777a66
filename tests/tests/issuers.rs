//! Tokens of a second issuer, verified with the keys that it publishes.

use connectivity_tests::backend::On;
use connectivity_tests::check::Scene;
use connectivity_tests::client::{sign, token};
use connectivity_tests::issuer::{ISSUER, Issuer, Key, claims, variables};
use connectivity_tests::pipeline::until;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

async fn start(issuer: [(&'static str, String); 4]) -> Scene {
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
    let without_id = p256.sign_as(None, &claims());
    for good in [rsa.sign(&claims()), p256.sign(&claims()), ed25519.sign(&claims()), without_id, token()] {
        let answer = scene.check_as(&good).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?} {:?}", scene.host.log());
    }
    // Algorithm confusion: the public key used as an HMAC secret (RFC 8725, section 2.1).
    let published = [rsa.public().to_string(), p256.public()["x"].as_str().unwrap_or_default().to_owned()];
    let mut bad: Vec<String> = published.iter().map(|key| sign(&claims(), Algorithm::HS256, key)).collect();
    bad.extend([
        // Another key with a published id, an unknown id, and ids with a path and with SQL.
        Key::p256("p").sign(&claims()),
        p256.sign_as(Some("e"), &claims()),
        p256.sign_as(Some("q"), &claims()),
        p256.sign_as(Some("../../etc/passwd"), &claims()),
        p256.sign_as(Some("' OR 1=1 --"), &claims()),
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
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\", error_description=\""), "{token}: {challenge}");
    }
    assert_eq!(scene.check_as(&p256.sign(&with("scope", json!("documents")))).await.status.as_u16(), 403);
    assert_eq!(issuer.fetches(), 1, "keys are fetched at most once a minute for an unknown id");
}

/// The forms in which other issuers write their tokens, and the RFCs that allow them.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_accepted_as_issuers_write_them() {
    let (rsa, ed25519) = (Key::rsa("r"), Key::ed25519("e"));
    let mut any_rsa = rsa.public().clone();
    any_rsa.as_object_mut().expect("an object").remove("alg");
    let issuer = Issuer::publish(vec![any_rsa, ed25519.public().clone()]).await;
    let scene = start(issuer.variables()).await;
    let header = |algorithm: &str, id: &str| json!({"alg": algorithm, "kid": id, "typ": "at+jwt", "x5t": "a"});
    let changed = |changes: Value| {
        let mut claims = claims();
        for (name, value) in changes.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        ed25519.sign(&claims)
    };
    let exp = claims()["exp"].as_f64().expect("a number");
    for token in [
        rsa.sign_with(Algorithm::RS512, &header("RS512", "r"), &claims()),
        rsa.sign_with(Algorithm::PS256, &header("PS256", "r"), &claims()),
        ed25519.sign_with(Algorithm::EdDSA, &header("Ed25519", "e"), &claims()),
        changed(json!({"exp": exp + 0.5, "iat": exp - 900.5})),
        changed(json!({"token_type": null, "jti": null, "nbf": null, "iat": null})),
        changed(json!({"token_type": "Bearer", "scope": ["affiliation", "documents"]})),
        changed(json!({"scope": null, "scp": "affiliation"})),
        changed(json!({"scope": null, "scopes": ["affiliation"]})),
        changed(json!({"scope": null, "roles": ["affiliation"]})),
        changed(json!({"sub": null, "client_id": "tests"})),
        changed(json!({"sub": null, "azp": "tests"})),
        changed(json!({"nbf": exp - 900.0 + 50.0})),
    ] {
        let answer = scene.check_as(&token).await;
        assert_eq!(answer.status.as_u16(), 200, "{token} {answer:?} {:?}", scene.host.log());
    }
    let critical = json!({"alg": "EdDSA", "kid": "e", "crit": ["b64"], "b64": true});
    for (token, cause) in [
        (ed25519.sign_with(Algorithm::EdDSA, &critical, &claims()), "critical header parameter"),
        (changed(json!({"exp": exp - 1_000.0})), "has expired"),
        (changed(json!({"aud": "other"})), "another audience"),
        (changed(json!({"iss": "https://other.example"})), "issuer is not trusted"),
        (changed(json!({"exp": "never"})), "claim is missing or malformed"),
    ] {
        let answer = scene.check_as(&token).await;
        assert_eq!(answer.status.as_u16(), 401, "{cause} {answer:?}");
        assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.contains(cause)), "{answer:?}");
        let logged = |line: &String| line.contains("access token refused") && line.contains(cause);
        // The line may arrive after the response.
        until("the refusal is logged", async || scene.host.log().iter().any(logged)).await;
        assert_eq!(scene.host.log().iter().filter(|line| logged(line)).count(), 1, "{cause} {:?}", scene.host.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issuer_has_its_own_subjects_and_only_the_scopes_that_it_may_grant() {
    let key = Key::ed25519("e");
    let issuer = Issuer::start(&[&key]).await;
    let scene = start(issuer.variables()).await;
    let all = key.sign(&with("scope", json!("admin affiliation bridge documents")));
    let remaining = async |token: &str| {
        let answer = scene.check_as(token).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        answer.header("ratelimit").and_then(|value| value.split(';').nth(1)).map(str::to_owned)
    };
    // Both tokens have the subject `tests`.
    assert_eq!(remaining(&token()).await.as_deref(), Some("r=999999"));
    assert_eq!(remaining(&all).await.as_deref(), Some("r=999999"), "the rate limit is its own");
    let by = scene.history("1128456232").await;
    let by: Vec<_> = by.iter().filter_map(|check| check["requested_by"].as_str()).collect();
    assert_eq!(by, [format!("{ISSUER}|tests").as_str(), "tests"]);
    for (method, path) in [
        ("GET", "/api/v1/service-accounts/"),
        ("POST", "/internal/v1/documents/outbox/"),
        ("GET", "/api/v1/documents/history/?id_citizen=1128456232"),
    ] {
        let answer = scene.call_as(&all, method, path).await;
        assert_eq!(answer.status.as_u16(), 403, "{method} {path} {answer:?}");
    }
}

/// The claims of the Go service that issues tokens to other services (API contract, neighbours).
#[tokio::test(flavor = "multi_thread")]
async fn service_that_shares_a_secret_is_trusted_if_it_is_configured() {
    let secret = "a secret that two services of the tests share";
    let variables =
        [("jwt_shared_secret", secret), ("jwt_shared_issuer", "accounts"), ("jwt_shared_scopes", "affiliation")];
    let own = claims();
    let claims = json!({"client_id": "documents", "scopes": ["affiliation", "admin"], "jti": own["jti"],
                        "iat": own["iat"], "exp": own["exp"], "type": "client_credentials"});
    let neighbour = sign(&claims, Algorithm::HS256, secret);
    let trusting = Scene::new(On::Embedded, &variables).await;
    let answer = trusting.check_as(&neighbour).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?} {:?}", trusting.host.log());
    assert_eq!(trusting.history("1128456232").await[0]["requested_by"], "accounts|documents");
    assert_eq!(trusting.call_as(&neighbour, "GET", "/api/v1/service-accounts/").await.status.as_u16(), 403);
    let as_own = sign(&connectivity_tests::client::claims(), Algorithm::HS256, secret);
    assert_eq!(trusting.check_as(&as_own).await.status.as_u16(), 401, "its secret signs no token of this service");
    let other = Scene::new(On::Embedded, &[]).await;
    assert_eq!(other.check_as(&neighbour).await.status.as_u16(), 401, "off by default");
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
