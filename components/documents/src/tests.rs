//! Tests of what the routes show of this job. `crates/jobs` tests what they do.

use crate::store::Documents;
use connectivity_domain::document::Authenticity;
use connectivity_domain::verdict::Evidence;
use connectivity_jobs::testing::{Fixture, expect_problem, json};
use http::StatusCode;
use serde_json::{Value, json as value};

type Given = Fixture<Documents>;

fn authentic() -> Given {
    let body = Some("\"El documento ha sido autenticado\"".to_owned());
    Given::answering(Ok(Authenticity::Authenticated(Evidence { status: 200, body })))
}

fn document() -> Value {
    value!({"idCitizen": 1_128_456_232, "UrlDocument": "https://bucket.example/f.pdf?signature=secret",
            "documentTitle": "Diploma Grado"})
}

#[tokio::test]
async fn a_document_is_authenticated_recorded_and_shown() {
    let given = authentic();
    let response = given.submit(&[], document()).await;
    assert_eq!(response.status(), StatusCode::OK, "{response:?}");
    let record = json(&response);
    let mut expected = value!({
        "auth_success": true, "document_id": null, "document_title": "Diploma Grado", "error_message": null,
        "event_published_at": null, "external_api_response": "El documento ha sido autenticado",
        "external_api_status_code": 200, "id_citizen": "1128456232",
        "processed_at": "2027-01-15T08:00:00.000000Z", "received_at": "2027-01-15T08:00:00.000000Z",
        "status": "SUCCESS", "url_document": "https://bucket.example/f.pdf",
    });
    for generated in ["id", "message_id"] {
        expected[generated] = record[generated].clone();
    }
    assert_eq!(record, expected, "the URL is shown without its query");
    let id = record["id"].as_str().expect("an id");
    assert_eq!(json(&given.get(&format!("/api/v1/documents/{id}/")).await), record);
    let page = json(&given.get("/api/v1/documents/history/?id_citizen=1128456232").await);
    assert_eq!((&page["count"], &page["results"][0]), (&value!(1), &record));
}

#[tokio::test]
async fn an_asynchronous_request_is_published_as_the_message_that_it_stands_for() {
    let given = authentic();
    given.submit(&[("prefer", "respond-async")], document()).await;
    let event = given.lease(&value!({"limit": 10})).await["events"][0].clone();
    assert_eq!(event["body"]["UrlDocument"], document()["UrlDocument"], "with the query: the registry needs it");
    let delivered = json(&given.deliver(&[], &event["body"]).await);
    assert_eq!((&delivered["event"]["id"], &delivered["event"]["body"]["authSuccess"]), (&event["id"], &value!(true)));
}

#[tokio::test]
async fn an_invalid_request_is_rejected_and_its_field_is_named() {
    let given = authentic();
    for (field, wrong) in [
        ("idCitizen", value!("12345")),
        ("UrlDocument", value!("https://me:secret@host/")),
        ("documentTitle", value!("")),
        ("documentId", value!([])),
    ] {
        let mut request = document();
        request[field] = wrong;
        let response = given.submit(&[], &request).await;
        expect_problem(&response, 400, "invalid-document");
        assert_eq!(json(&response)["field"], field);
        assert!(!String::from_utf8_lossy(response.body()).contains("secret"));
        expect_problem(&given.deliver(&[("x-message-id", "m-1")], &request).await, 400, "invalid-document");
    }
    assert_eq!((given.registry.calls(), given.store.records().len()), (0, 0));
}

#[tokio::test]
async fn a_malformed_body_is_rejected_and_the_problem_says_why() {
    let given = authentic();
    for (text, expected) in [
        ("", "the body is empty: send a JSON object"),
        ("\u{FEFF}{}", "the body begins with a byte order mark: send UTF-8 without one"),
        ("[]", "the body is a JSON array: send a JSON object"),
        ("{\"idCitizen\":1,}", "the body is not valid JSON: trailing comma at line 1 column 16"),
        ("{\"idCitizen\":1,\"idCitizen\":2}", "the field \"idCitizen\" occurs more than once"),
    ] {
        let response = given.submit(&[], text).await;
        expect_problem(&response, 400, "invalid-request");
        assert_eq!(json(&response)["detail"], expected, "{text}");
    }
    // The detail of a delivery becomes the reason in the dead-letter queue.
    let delivery = given.deliver(&[], "not JSON").await;
    expect_problem(&delivery, 400, "invalid-request");
    assert_eq!(json(&delivery)["detail"], "the request is not a JSON object");
    let delivery = given.deliver(&[], "x".repeat(1024 * 1024)).await;
    expect_problem(&delivery, 413, "payload-too-large");
    assert_eq!(json(&delivery)["detail"], "the request is longer than 65536 bytes");
    assert_eq!((given.registry.calls(), given.store.records().len()), (0, 0));
}
