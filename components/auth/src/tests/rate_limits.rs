//! Tests of the rate limits of accounts.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const PATH: &str = "/api/v1/service-accounts/new/";

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn account_has_the_default_rate_limit_or_one_of_its_own_which_its_tokens_carry() {
    let given = given();
    let account = json!({"name": "new", "scopes": ["affiliation"], "rate_limit": "5 / minute"});
    let created = given.administer("POST", "/api/v1/service-accounts/", Some(account)).await;
    assert_eq!((created.status, &created.json()["rate_limit"]), (StatusCode::CREATED, &json!("5/minute")));
    let body = json!({"username": "new", "password": created.json()["secret"]});
    let pair = given.post("/api/v1/token/", &body).await.json();
    let limits = ["access", "refresh"].map(|kind| claims(pair[kind].as_str().expect("a token"))["rate_limit"].clone());
    assert_eq!(limits, [json!("5/minute"), json!("5/minute")]);
    for (change, expected) in [
        (json!({"rate_limit": "off"}), json!("off")),
        (json!({"disabled": false}), json!("off")),
        (json!({"rate_limit": null}), json!(null)),
    ] {
        let changed = given.administer("PATCH", PATH, Some(change)).await;
        assert_eq!((changed.status, &changed.json()["rate_limit"]), (StatusCode::OK, &expected));
    }
    let refreshed = given.post("/api/v1/token/refresh/", &json!({"refresh": pair["refresh"]})).await.json();
    assert_eq!(claims(refreshed["access"].as_str().expect("a token")).get("rate_limit"), None, "the present one");
    for wrong in ["", "none", "0/hour", "5/week", "OFF"] {
        let refused = given.administer("PATCH", PATH, Some(json!({"rate_limit": wrong}))).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (StatusCode::BAD_REQUEST, &json!("rate_limit")),
            "{wrong}"
        );
    }
}
