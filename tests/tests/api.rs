//! The OpenAPI document and the page that shows it: public, and without resources of other hosts.

use connectivity_tests::access::{Access, OPERATOR};
use connectivity_tests::backend::On;
use connectivity_tests::client::Answer;
use connectivity_tests::servers::root;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use std::io::Read;

/// The files of the page, and their media types.
const PARTS: [(&str, &str); 3] = [
    ("/api/docs/", "text/html; charset=utf-8"),
    ("/api/docs/page.css", "text/css; charset=utf-8"),
    ("/api/docs/page.js", "text/javascript; charset=utf-8"),
];

async fn get(access: &Access, path: &str) -> Answer {
    access.client.send(Request::get(access.host.url(path)).body(Full::default()).expect("a request")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_public_and_not_rate_limited() {
    let access = Access::start(On::Embedded, &[("throttle_anon", "1/day")]).await;
    let committed = std::fs::read_to_string(root().join("components/ops/openapi.json")).expect("the document");
    let committed: Value = serde_json::from_str(&committed).expect("JSON");
    for path in ["/api/schema/", "/api/schema", "/api/schema/"] {
        let answer = get(&access, path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")), "{path}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert!(answer.json() == committed, "{path} is not the committed document");
    }
}

/// Requests a path with these headers.
async fn request(access: &Access, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::builder().method(method).uri(access.host.url(path));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    access.client.send(request.body(Full::default()).expect("a request")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_like_get_with_the_length_and_without_the_body() {
    let access = Access::start(On::Embedded, &[]).await;
    for path in [
        "/health/live",
        "/api/schema/",
        "/api/docs/",
        "/.well-known/jwks.json",
        "/api/v1/affiliation/nothing",
        "/api/v1/documents/1/",
        "/api/v1/affiliation/history/?citizen_id=1128456232",
        "/api/v1/token/",
    ] {
        let [get, head] = [request(&access, "GET", path, &[]).await, request(&access, "HEAD", path, &[]).await];
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path} {head:?}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    // Their bodies differ from one request to the next.
    for path in ["/health/ready", "/metrics"] {
        let head = request(&access, "HEAD", path, &[]).await;
        assert!(head.status == 200 && head.header("content-length") != Some("0"), "{path} {head:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_compressed_and_sent_once() {
    let access = Access::start(On::Embedded, &[("cors_allowed_origins", "https://editor.example")]).await;
    for path in ["/api/schema/", PARTS[0].0, PARTS[1].0, PARTS[2].0] {
        let plain = request(&access, "GET", path, &[]).await;
        let gzip = request(&access, "GET", path, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!((plain.header("content-encoding"), gzip.header("content-encoding")), (None, Some("gzip")), "{path}");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&gzip.body[..]).read_to_end(&mut text).expect("gzip");
        assert!(text == plain.body && gzip.body.len() * 2 < plain.body.len(), "{path}");
        assert_ne!(plain.header("etag"), gzip.header("etag"), "{path}");
        for (answer, encoding) in [(&plain, "identity"), (&gzip, "gzip")] {
            let tag = answer.header("etag").expect("a tag");
            let headers = [("if-none-match", tag), ("accept-encoding", encoding)];
            let again = request(&access, "GET", path, &headers).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path}");
            assert_eq!((again.header("etag"), again.header("content-length")), (Some(tag), None), "{path}");
        }
    }
    let from = [("origin", "https://editor.example")];
    let allowed = async |path: &str, headers: &[(&str, &str)]| {
        let answer = request(&access, "GET", path, headers).await;
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("/api/schema/", &from).await.as_deref(), Some("https://editor.example"));
    assert_eq!(allowed("/api/schema/", &[("origin", "https://other.example")]).await, None);
    assert_eq!(allowed("/metrics", &from).await, None, "probes and metrics are not for browsers");
    let preflight = [from[0], ("access-control-request-method", "GET")];
    assert_eq!(request(&access, "OPTIONS", "/api/schema/", &preflight).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_nothing_from_other_hosts() {
    let access = Access::start(On::Embedded, &[]).await;
    for (path, media_type) in PARTS {
        let answer = get(&access, path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(media_type)), "{path}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{path}: {policy}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        for elsewhere in ["http://", "https://", "//cdn", "import(", "innerHTML", "eval(", "style=", "onclick"] {
            assert!(!text.contains(elsewhere), "{path}: {elsewhere}");
        }
    }
    assert_eq!(get(&access, "/api/docs").await.status, 200);
    assert_eq!(get(&access, "/api/docs/nothing").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_arrays_and_paths_that_are_not_utf8_are_rejected_as_documented() {
    let access = Access::start(On::Embedded, &[]).await;
    let pair = access.pair("operator", OPERATOR).await;
    // Arrays of the fields' values: serde would accept these for a struct.
    for (path, body) in [
        ("/api/v1/affiliation/check/", json!(["1128456232"])),
        ("/api/v1/token/", json!(["operator", OPERATOR])),
        ("/api/v1/token/verify/", json!([pair.access])),
    ] {
        let answer = access.call("POST", path, &pair.access, &body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (400, &problem("invalid-request")), "{path}");
    }
    let answer = access.call("GET", "/api/v1/documents/%FF/", &pair.access, &Value::Null).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (404, &problem("not-found")));
}

fn problem(slug: &str) -> Value {
    format!("urn:connectivity:problem:{slug}").into()
}
