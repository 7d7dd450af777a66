//! The OpenAPI document and the page that shows it: public, and without resources of other hosts.

use connectivity_tests::access::{Access, OPERATOR};
use connectivity_tests::backend::On;
use connectivity_tests::client::Answer;
use connectivity_tests::servers::root;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

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
