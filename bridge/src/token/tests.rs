use super::*;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response as Answer};
use axum::routing::post;
use futures_util::future::join_all;
use std::sync::Arc;

type Respond = fn() -> Answer;

/// A server with `/oauth/token` that keeps the `Authorization` headers of its requests.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(respond: Respond) -> Self {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let handle = async move |State(seen): State<Arc<Mutex<Vec<String>>>>, headers: axum::http::HeaderMap| {
            let header = headers[header::AUTHORIZATION].to_str().expect("text").to_owned();
            seen.lock().expect("the requests").push(header);
            respond()
        };
        let router = Router::new().route("/oauth/token", post(handle)).with_state(Arc::clone(&seen));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, seen }
    }

    fn tokens(&self, secret: &str) -> Tokens {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let credentials = Credentials::Client { id: "bridge".into(), secret: secret.into() };
        Tokens::new(credentials, "bridge", &self.url, reqwest::Client::new())
    }

    fn requests(&self) -> usize {
        self.seen.lock().expect("the requests").len()
    }
}

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
    let status = StatusCode::from_u16(status).expect("a status");
    let mut response = (status, body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(*name, axum::http::HeaderValue::from_static(value));
    }
    response
}

fn granted() -> Answer {
    answer(200, &[], r#"{"access_token": "t", "expires_in": 900, "token_type": "Bearer"}"#)
}

#[tokio::test]
async fn one_request_serves_all_until_the_token_is_renewed_or_rejected() {
    let server = Server::start(granted).await;
    let (tokens, now) = (server.tokens("secret"), Instant::now());
    let all = join_all((0..20).map(|_| tokens.get_at(now))).await;
    assert!(all.iter().all(|token| token.as_deref().is_ok_and(|token| token == "t")), "{all:?}");
    assert!(tokens.get_at(now + Duration::from_secs(719)).await.is_ok());
    assert_eq!(server.requests(), 1);
    assert!(tokens.get_at(now + Duration::from_mins(12)).await.is_ok());
    assert_eq!(server.requests(), 2, "a fifth of the lifetime is left");
    tokens.forget();
    assert!(tokens.get_at(now).await.is_ok());
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn credentials_are_encoded_as_rfc_6749_says() {
    let server = Server::start(granted).await;
    server.tokens("a:b c%41+é").get().await.expect("a token");
    let seen = server.seen.lock().expect("the requests")[0].clone();
    // "bridge:a%3Ab%20c%2541%2B%C3%A9"
    assert_eq!(seen, "Basic YnJpZGdlOmElM0FiJTIwYyUyNTQxJTJCJUMzJUE5");
}

async fn check(respond: Respond, expected: Refusal, pause: u64) {
    let server = Server::start(respond).await;
    let (tokens, now) = (server.tokens("secret"), Instant::now());
    let refused = async |after: u64| match tokens.get_at(now + Duration::from_secs(after)).await {
        Err(TokenError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(0).await, expected);
    if pause > 0 {
        assert_eq!(refused(pause - 1).await, expected);
        tokens.forget();
        assert_eq!(refused(pause - 1).await, expected);
    }
    assert_eq!(server.requests(), 1, "{expected}: not asked again before {pause} s");
    assert_eq!(refused(pause).await, expected);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn refusal_is_named_and_not_repeated_before_its_time() {
    let id = || "bridge".to_owned();
    check(|| answer(401, &[], r#"{"error": "invalid_client"}"#), Refusal::Client(id()), 30).await;
    check(|| answer(400, &[], r#"{"error": "invalid_scope"}"#), Refusal::Scope(id(), "bridge"), 30).await;
    let wait = Duration::from_secs(7);
    check(|| answer(429, &[("retry-after", "7")], "{}"), Refusal::TooSoon(id(), wait), 7).await;
    check(|| answer(503, &[("retry-after", "3")], ""), Refusal::Status(StatusCode::SERVICE_UNAVAILABLE), 3).await;
    check(|| answer(502, &[], "<html>"), Refusal::Status(StatusCode::BAD_GATEWAY), 0).await;
}
