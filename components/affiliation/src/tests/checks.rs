//! Tests of checks of several citizens.

use super::*;
use connectivity_domain::check::{CheckStatus, MAX_BATCH};

const PATH: &str = "/api/v1/affiliation/checks/";

impl Given {
    async fn post_all(&self, request: &str) -> Response<Bytes> {
        let mut sent = check_request(request);
        *sent.uri_mut() = PATH.parse().expect("a path");
        self.send(sent).await
    }
}

/// Returns the statuses of the records.
fn recorded(given: &Given) -> Vec<(String, CheckStatus)> {
    given.store.records().iter().map(|record| (record.citizen().as_str().to_owned(), record.status())).collect()
}

#[tokio::test]
async fn results_are_in_the_order_of_the_ids_and_a_citizen_is_asked_about_once() {
    let given = eligible();
    let ids = json!(["1128456232", 123_456.0, "001128456232", "12345", null, "1128456232"]);
    let response = given.post_all(&json!({"citizen_ids": ids}).to_string()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let eligible =
        |id| json!({"citizen_id": id, "is_eligible": true, "external_api_status_code": 204, "citizen_data": null});
    let invalid = |given, detail| {
        json!({"citizen_id": given, "error": {"detail": detail, "field": "citizen_ids", "status": 400,
               "title": "The citizen id is invalid", "type": "urn:connectivity:problem:invalid-citizen-id"}})
    };
    let expected = [
        eligible("1128456232"),
        eligible("123456"),
        eligible("1128456232"),
        invalid("12345", "the id must have at least 6 digits, not counting leading zeros"),
        invalid("null", "the id must be a whole number or a string of 6 to 12 digits"),
        eligible("1128456232"),
    ];
    assert_eq!(body(&response), json!({"results": expected}));
    let ids = ["1128456232", "123456"].map(|id| (id.to_owned(), CheckStatus::Eligible));
    assert_eq!((recorded(&given), given.registry.calls(), given.store.statements()), (ids.to_vec(), 2, 1));
    let record = &given.store.records()[1];
    assert_eq!((record.requested_by(), record.request_id()), ("operator", "r-1"));
}

#[tokio::test]
async fn affiliated_citizens_are_reported_with_a_body_whatever_the_setting() {
    let given = Given { affiliated_without_body: true, ..affiliated() };
    let response = given.post_all(r#"{"citizen_ids": ["1128456232"]}"#).await;
    let expected = json!({"citizen_id": "1128456232", "is_eligible": false, "external_api_status_code": 200,
                          "citizen_data": "en el operador"});
    assert_eq!((response.status(), body(&response)), (StatusCode::OK, json!({"results": [expected]})));
}

#[tokio::test]
async fn ids_without_a_verdict_have_a_problem_and_are_recorded() {
    let none =
        NoVerdict { cause: Cause::BreakerOpen, status: None, retry_after: Duration::from_millis(2_500), attempts: 0 };
    let given = given(Err(RegistryError::Unavailable(none)));
    let response = given.post_all(r#"{"citizen_ids": ["1128456232", "x"]}"#).await;
    let result = &body(&response)["results"][0];
    let error = &result["error"];
    assert_eq!((response.status(), &result["citizen_id"]), (StatusCode::OK, &json!("1128456232")));
    assert_eq!(error["type"], "urn:connectivity:problem:registry-unavailable");
    assert_eq!((&error["status"], &error["retry_after"], &error["asked"]), (&json!(503), &json!(3), &json!(false)));
    assert!(error.get("request_id").is_none() && result.get("is_eligible").is_none(), "{result}");
    assert_eq!(recorded(&given), [("1128456232".to_owned(), CheckStatus::Error)]);
}

#[tokio::test]
async fn nothing_is_answered_if_the_checks_cannot_be_recorded() {
    let given = Given { store: FakeStore::down(), ..eligible() };
    let response = given.post_all(r#"{"citizen_ids": ["1128456232", "12345"]}"#).await;
    expect_problem(&response, 503, "storage-unavailable");
    assert!(!String::from_utf8_lossy(response.body()).contains("results"));
    // Nothing has to be recorded for invalid ids.
    assert_eq!(given.post_all(r#"{"citizen_ids": ["12345"]}"#).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_has_1_to_100_ids() {
    let given = eligible();
    let ids = |count: usize| json!({"citizen_ids": (100_000..100_000 + count).collect::<Vec<_>>()}).to_string();
    for request in [ids(0), ids(MAX_BATCH + 1)] {
        let response = given.post_all(&request).await;
        expect_problem(&response, 400, "invalid-request");
        assert_eq!(body(&response)["field"], "citizen_ids");
    }
    for request in ["", "[]", "{}", r#"{"citizen_ids": "1128456232"}"#, r#"{"citizen_ids": {"a": 1}}"#] {
        expect_problem(&given.post_all(request).await, 400, "invalid-request");
    }
    assert_eq!(given.registry.calls(), 0);
    let response = given.post_all(&ids(MAX_BATCH)).await;
    assert_eq!((body(&response)["results"].as_array().map(Vec::len), given.store.statements()), (Some(MAX_BATCH), 1));
}

#[tokio::test]
async fn long_invalid_ids_are_shortened() {
    let response = eligible().post_all(&json!({"citizen_ids": ["ñ".repeat(10_000)]}).to_string()).await;
    assert_eq!(body(&response)["results"][0]["citizen_id"], "ñ".repeat(64));
}

#[tokio::test]
async fn callers_need_the_scope() {
    let given = eligible();
    let body = r#"{"citizen_ids": ["1128456232"]}"#;
    let answer = given.call(Method::POST, PATH, "documents bridge admin", body).await;
    expect_problem(&answer, 403, "forbidden");
    assert_eq!(given.registry.calls(), 0);
}
