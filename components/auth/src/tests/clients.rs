//! Tests of clients that authenticate by their secret, and of what they discover.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[tokio::test]
async fn introspection_by_secret_starts_no_session() {
    let given = given();
    let (access, _) = given.pair().await;
    let form = format!("token={access}&{}", OPERATOR.replace("grant_type=client_credentials&", ""));
    for path in ["/oauth/introspect", "/oauth/introspect", "/oauth/revoke"] {
        assert_eq!(given.form(path, None, &form).await.status, StatusCode::OK);
    }
    assert_eq!(given.events(), [Event::Login, Event::Revocation]);
    assert_eq!(given.store.sessions(), 1, "that of the login");
}

/// Clients send the secret as it is or encoded as a form, and a secret may look encoded.
#[tokio::test]
async fn both_spellings_of_a_secret_in_basic_are_accepted() {
    let secret = "abc+def/ghi%41jkl&mno=";
    let encoded = "abc%2Bdef%2Fghi%2541jkl%26mno%3D";
    let seeds = json!([{"name": "bridge", "secret": secret, "scopes": ["bridge"]}]);
    let given = instance(&FakeAccess::default(), &seeds);
    for (spelling, expected) in [(secret, 200), (encoded, 200), ("abc def/ghiAjkl&mno=", 401)] {
        let basic = format!("Basic {}", STANDARD.encode(format!("bridge:{spelling}")));
        let answer = given.form("/oauth/token", Some(&basic), "grant_type=client_credentials").await;
        assert_eq!(answer.status.as_u16(), expected, "{spelling}");
    }
}

#[tokio::test]
async fn a_full_queue_of_logins_is_answered_with_retry_after() {
    let limits = FakeFailedLogins::full(Duration::from_secs(2));
    let seeds = json!([{"name": "operator", "secret": "operator's secret", "scopes": ["documents"]}]);
    let given = limited(&FakeAccess::default(), &seeds, limits, "");
    let body = json!({"username": "operator", "password": "operator's secret"});
    let by_form = given.form("/oauth/token", None, OPERATOR).await;
    for answer in [given.post("/api/v1/token/", &body).await, by_form] {
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers[header::RETRY_AFTER], "2");
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("at the moment")));
    }
}

#[tokio::test]
async fn the_metadata_name_a_host_of_the_request_only_if_it_is_the_own_machine() {
    for (public_url, host, expected) in [
        ("https://api.example", "evil.example", Some("https://api.example")),
        ("https://api.example", "127.0.0.1:3000", Some("https://api.example")),
        ("", "127.0.0.1:3000", Some("http://127.0.0.1:3000")),
        ("", "[::1]:3000", Some("http://[::1]:3000")),
        ("", "localhost", Some("http://localhost")),
        ("", "evil.example", None),
        ("", "localhost.evil.example", None),
        ("", "192.0.2.1", None),
        ("", "someone@localhost", None),
    ] {
        let given = limited(&FakeAccess::default(), &json!([]), FakeFailedLogins::default(), public_url);
        let uri = format!("http://{host}/.well-known/oauth-authorization-server");
        let answer = given.send(Request::get(uri).body(Bytes::new()).expect("a request")).await;
        let body = answer.json();
        assert_eq!(body["issuer"].as_str(), expected, "{public_url} {host}");
        match expected {
            Some(url) => assert_eq!(body["token_endpoint"], format!("{url}/oauth/token")),
            None => assert_eq!(answer.status, StatusCode::NOT_FOUND),
        }
    }
}
