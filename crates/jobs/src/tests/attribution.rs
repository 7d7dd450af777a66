//! Who asked, who read, and what is held about one citizen.

use super::*;
use connectivity_domain::audit::Action;

const CITIZEN: &str = "/api/v1/greetings/citizens/1128456232/";

async fn as_admin(given: &Given, method: &str) -> Response<Bytes> {
    given.send_as(("root", "admin"), (method, CITIZEN), &[("x-request-id", "r-2")], String::new()).await
}

#[tokio::test]
async fn records_and_reads_name_the_subject_and_the_request() {
    let given = greeted();
    let id = json(&given.submit(&[("x-request-id", "r-1")], request()).await)["id"].clone();
    given.deliver(&[("x-message-id", "m-1")], request()).await;
    let requesters: Vec<_> = given.store.records().into_iter().map(|record| record.requester).collect();
    assert_eq!(requesters[0], Requester { subject: Some("operator".into()), request_id: Some("r-1".into()) });
    assert_eq!(requesters[1].subject.as_deref(), Some("bridge"));
    given.get(&format!("/api/v1/greetings/{}/", id.as_str().expect("an id"))).await;
    given.get("/api/v1/greetings/history/?id_citizen=1128456232").await;
    given.get("/api/v1/greetings/unknown/").await;
    let entries = given.store.entries();
    let reads: Vec<_> = entries.iter().map(|entry| (entry.action, entry.target.as_deref())).collect();
    assert_eq!(reads, [(Action::RecordRead, id.as_str()), (Action::HistoryRead, None)]);
    assert!(entries.iter().all(|it| it.subject == "operator" && it.citizen.as_deref() == Some("1128456232")));
}

#[tokio::test]
async fn nothing_is_shown_without_an_entry_in_the_audit_log() {
    let given = Given { store: FakeJobStore::without_audit(), ..greeted() };
    let id = json(&given.submit(&[], request()).await)["id"].clone();
    let record = format!("/api/v1/greetings/{}/", id.as_str().expect("an id"));
    for path in [record.as_str(), "/api/v1/greetings/history/?id_citizen=1128456232"] {
        expect_problem(&given.get(path).await, 503, "storage-unavailable");
    }
    expect_problem(&as_admin(&given, "GET").await, 503, "storage-unavailable");
}

#[tokio::test]
async fn what_is_held_is_shown_and_erased_once_nothing_is_in_progress() {
    let given = greeted();
    let shown = json(&given.submit(&[("x-request-id", "r-1")], request()).await);
    let held = json(&as_admin(&given, "GET").await);
    let mut record = shown.clone();
    (record["requested_by"], record["request_id"]) = ("operator".into(), "r-1".into());
    assert_eq!(held["records"], json!({"count": 1, "results": [record]}));
    let early = as_admin(&given, "DELETE").await;
    expect_problem(&early, 409, "in-progress");
    assert_eq!((text(&early, "retry-after"), given.store.records().len()), ("60", 1));
    given.published(&json!({"results": [shown["id"]], "requests": []})).await;
    assert_eq!(json(&as_admin(&given, "DELETE").await)["erased"], 1);
    assert!(given.store.records().is_empty());
    assert!(given.store.entries().iter().all(|entry| entry.citizen.as_deref() != Some("1128456232")));
}
