//! The API's document and its page: for everybody, and from nobody else.

use connectivity_tests::access::{Access, OPERATOR, On};
use connectivity_tests::client::Answer;
use connectivity_tests::servers::root;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

/// What the page is made of.
const PARTS: [(&str, &str); 3] = [
    ("/api/docs/", "text/html; charset=utf-8"),
    ("/api/docs/page.css", "text/css; charset=utf-8"),
    ("/api/docs/page.js", "text/javascript; charset=utf-8"),
];

async fn get(access: &Access, path: &str) -> Answer {
    access.client.send(Request::get(access.host.url(path)).body(Full::default()).expect("a request")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_to_everybody() {
    let access = Access::start(On::Embedded, &[("throttle_anon", "1/day")]).await;
    let kept = std::fs::read_to_string(root().join("components/ops/openapi.json")).expect("the document");
    for path in ["/api/schema/", "/api/schema", "/api/schema/"] {
        let answer = get(&access, path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")), "{path}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert!(answer.body == kept.as_bytes(), "{path} is not the document that is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_may_ask_this_service_alone() {
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
async fn what_is_no_object_and_what_is_no_name_are_answered_as_the_document_says() {
    let access = Access::start(On::Embedded, &[]).await;
    let pair = access.pair("operator", OPERATOR).await;
    // The fields of the body in their order, without their names.
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
