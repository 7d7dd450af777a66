//! Black-box tests of the audit log, of what is held about a citizen, and of the deletion of old
//! records.

use connectivity_tests::access::{Access, OPERATOR, SECRETS};
use connectivity_tests::backend::On;
use connectivity_tests::pipeline::until;
use connectivity_tests::servers::root;
use serde_json::{Value, json};
use std::process::Command;

const ID: &str = "1128456232";
const HISTORY: &str = "/api/v1/affiliation/history/?citizen_id=1128456232";
const CITIZEN: &str = "/api/v1/affiliation/citizens/1128456232/";

/// A command of the bridge, as the administrator or as the bridge.
fn command(access: &Access, arguments: &[&str]) -> String {
    let mut command = Command::new(root().join("target/release/connectivity-bridge"));
    command.env("COMPONENTS_URL", access.host.url("")).env_remove("JWT_SECRET");
    command.envs([("ADMIN_CLIENT_ID", "root"), ("ADMIN_CLIENT_SECRET", SECRETS.root)]);
    command.envs([("BRIDGE_CLIENT_ID", "bridge"), ("BRIDGE_CLIENT_SECRET", SECRETS.bridge)]);
    let output = command.args(arguments).output().expect("the bridge");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn shown_and_erased(on: On) {
    let access = Access::start(on, &[("affiliation_cache_seconds", "600")]).await;
    let (operator, admin) =
        (access.pair("operator", OPERATOR).await.access, access.pair("root", SECRETS.root).await.access);
    for _ in 0..3 {
        assert_eq!(access.check(&operator).await, 200);
    }
    let read = access.call("GET", HISTORY, &operator, &Value::Null).await;
    assert_eq!(read.json()["count"], 3);
    let held = access.call("GET", CITIZEN, &admin, &Value::Null).await.json();
    assert_eq!(
        (&held["citizen_id"], &held["records"]["count"], &held["accesses"]["count"]),
        (&json!(ID), &json!(3), &json!(1))
    );
    let record = &held["records"]["results"][0];
    assert_eq!((&record["status"], &record["requested_by"]), (&json!("ELIGIBLE"), &json!("operator")));
    let noted = &held["accesses"]["results"][0];
    assert_eq!((&noted["action"], &noted["subject"]), (&json!("HISTORY_READ"), &json!("operator")));
    assert_eq!((&noted["address"], noted["request_id"].as_str()), (&json!("127.0.0.1"), read.header("x-request-id")));
    let lines: Vec<Value> = access.host.log().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_the_record = lines.iter().find(|line| line["record"] == record["id"]).expect("a line of the record");
    assert_eq!(of_the_record["request_id"], record["request_id"]);

    let erased = access.call("DELETE", CITIZEN, &admin, &Value::Null).await;
    assert_eq!((erased.status.as_u16(), &erased.json()["erased"]), (200, &json!(3)), "{erased:?}");
    let held = access.call("GET", CITIZEN, &admin, &Value::Null).await.json();
    assert_eq!((&held["records"]["count"], &held["accesses"]["count"]), (&json!(0), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_about_a_citizen_is_shown_and_erased_embedded() {
    shown_and_erased(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_about_a_citizen_is_shown_and_erased_on_servers() {
    shown_and_erased(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_leaves_entries_that_do_not_name_the_citizen() {
    let access = Access::start(On::Servers, &[]).await;
    let operator = access.pair("operator", OPERATOR).await.access;
    assert_eq!(access.check(&operator).await, 200);
    access.call("GET", HISTORY, &operator, &Value::Null).await;
    let shown: Value = serde_json::from_str(&command(&access, &["citizen", "show", ID])).expect("JSON");
    assert_eq!(shown["records"]["checks"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["accesses"][0]["subject"], "operator");
    assert_eq!(command(&access, &["citizen", "erase", ID]), "", "nothing is erased without --yes");
    let erased: Value = serde_json::from_str(&command(&access, &["citizen", "erase", ID, "--yes"])).expect("JSON");
    assert_eq!(erased["checks"]["erased"], 1);
    let query = async |sql: &str| access.backend().query(sql).await;
    assert_eq!(query("SELECT COUNT(*) FROM affiliation_checks").await, ["0"]);
    let entries = "SELECT CONCAT(event, ' ', subject) FROM access_audit WHERE LENGTH(citizen) = 36 ORDER BY at, id";
    let shown = ["HISTORY_READ operator", "CITIZEN_SHOWN root", "CITIZEN_SHOWN root"];
    assert_eq!(query(entries).await, [&shown[..], &["CITIZEN_ERASED root"; 2]].concat());
    assert_eq!(query("SELECT COUNT(*) FROM access_audit WHERE citizen = '1128456232'").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_noted_and_their_entries_are_bounded() {
    let access = Access::start(On::Servers, &[]).await;
    let admin = access.pair("root", SECRETS.root).await.access;
    for _ in 0..50 {
        assert_eq!(access.check("no token").await, 401);
        assert_eq!(access.check(&admin).await, 403);
    }
    let count = async |condition: &str| {
        let sql = format!("SELECT COUNT(*) FROM access_audit WHERE event = 'REQUEST_REFUSED' AND {condition}");
        access.backend().query(&sql).await[0].parse::<u32>().expect("a number")
    };
    // They are written in the background.
    until("a refusal without a subject", async || count("subject = '' AND outcome = 401").await > 0).await;
    until("a refusal of the administrator", async || count("subject = 'root' AND outcome = 403").await > 0).await;
    let targets = "SELECT DISTINCT target FROM access_audit WHERE event = 'REQUEST_REFUSED'";
    assert_eq!(access.backend().query(targets).await, ["affiliation check"]);
    // One for each caller and minute.
    let minutes = "SELECT COUNT(DISTINCT DATE_FORMAT(at, '%H:%i')) FROM access_audit WHERE event = 'REQUEST_REFUSED'";
    let minutes: u32 = access.backend().query(minutes).await[0].parse().expect("a number");
    assert_eq!(count("TRUE").await, 2 * minutes);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_records_are_deleted_and_the_others_are_kept() {
    let settings = [("retention_checks_days", "30"), ("retention_audit_days", "7")];
    let access = Access::start(On::Servers, &settings).await;
    let operator = access.pair("operator", OPERATOR).await.access;
    assert_eq!(access.check(&operator).await, 200);
    let query = async |sql: &str| access.backend().query(sql).await;
    let check = "INSERT INTO affiliation_checks (id, citizen_id, status, message, checked_at)";
    let entry = "INSERT INTO access_audit (id, at, event, subject, request_id)";
    let old = "CONCAT('01800000-0000-7000-8000-', LPAD(seq, 12, '0'))";
    query(&format!("{check} SELECT {old}, '1000001', 'ERROR', 'old', '2022-04-01' FROM seq_1_to_1200")).await;
    query(&format!("{entry} SELECT {old}, '2022-04-01' + INTERVAL seq SECOND, 'LOGIN', 'old', 'r' FROM seq_1_to_700"))
        .await;
    // The time decides, not the id alone.
    query(&format!("{check} VALUES ('00000000-0000-4000-8000-000000000000', '1000001', 'ERROR', 'new', NOW(6))")).await;
    assert_eq!(command(&access, &["retention"]), "old records: 1900\n");
    assert_eq!(query("SELECT message FROM affiliation_checks WHERE message IN ('old', 'new')").await, ["new"]);
    assert_eq!(query("SELECT COUNT(*) FROM affiliation_checks").await, ["2"]);
    assert_eq!(query("SELECT COUNT(*) FROM access_audit WHERE subject = 'old'").await, ["0"]);
    assert_eq!(query("SELECT COUNT(*) FROM access_audit WHERE event = 'LOGIN' AND subject = 'operator'").await, ["1"]);
    assert_eq!(command(&access, &["retention"]), "old records: 0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_not_shown_while_the_audit_log_cannot_be_written() {
    let access = Access::start(On::Servers, &[]).await;
    let operator = access.pair("operator", OPERATOR).await.access;
    access.backend().query("RENAME TABLE access_audit TO elsewhere").await;
    let answer = access.call("GET", HISTORY, &operator, &Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.json()["count"].is_null()), (503, true), "{answer:?}");
    access.backend().query("RENAME TABLE elsewhere TO access_audit").await;
    assert_eq!(access.call("GET", HISTORY, &operator, &Value::Null).await.status, 200);
}

/// A request to authenticate a document of the citizen.
async fn document(access: &Access, token: &str, id: &str) -> Value {
    let body = json!({"idCitizen": 1_128_456_232, "documentTitle": id, "messageId": id,
                      "UrlDocument": "https://bucket.example/file.pdf?X-Amz-Signature=presigned"});
    let answer = access.call("POST", "/api/v1/documents/authenticate/", token, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

const PUBLISHED: &str = "UPDATE document_authentications SET outbox = NULL, outbox_due_at = NULL";

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_attributed_shown_and_erased_once_they_are_published() {
    let access = Access::start(On::Servers, &[]).await;
    let operator = access.pair("operator", OPERATOR).await.access;
    let admin = access.pair("root", SECRETS.root).await.access;
    let record = document(&access, &operator, "m-1").await;
    let id = record["id"].as_str().expect("an id");
    assert_eq!(access.call("GET", &format!("/api/v1/documents/{id}/"), &operator, &Value::Null).await.status, 200);
    let path = "/api/v1/documents/citizens/1128456232/";
    let held = access.call("GET", path, &admin, &Value::Null).await.json();
    let shown = &held["records"]["results"][0];
    assert_eq!((&shown["id"], &shown["requested_by"]), (&record["id"], &json!("operator")), "{held}");
    let read = &held["accesses"]["results"][0];
    assert_eq!((&read["action"], &read["target"]), (&json!("RECORD_READ"), &record["id"]));
    let early = access.call("DELETE", path, &admin, &Value::Null).await;
    assert_eq!((early.status.as_u16(), early.header("retry-after")), (409, Some("60")), "{early:?}");
    access.backend().query(PUBLISHED).await;
    let erased = access.call("DELETE", path, &admin, &Value::Null).await;
    assert_eq!((erased.status.as_u16(), &erased.json()["erased"]), (200, &json!(1)), "{erased:?}");
    assert_eq!(access.backend().query("SELECT COUNT(*) FROM document_authentications").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_documents_lose_the_query_of_their_url_and_are_deleted_later() {
    let access = Access::start(On::Servers, &[("retention_documents_days", "365")]).await;
    let operator = access.pair("operator", OPERATOR).await.access;
    for id in ["new", "old", "older", "pending"] {
        document(&access, &operator, id).await;
    }
    let query = async |sql: &str| access.backend().query(sql).await;
    query(PUBLISHED).await;
    // Ids begin with the time at which they were made.
    let hundred = "CONCAT(INSERT(LPAD(HEX((UNIX_TIMESTAMP() - 8640000) * 1000), 12, '0'), 9, 0, '-'), SUBSTR(id, 14))";
    let aged = format!(
        "UPDATE document_authentications SET received_at = UTC_TIMESTAMP(6) - INTERVAL 100 DAY, id = LOWER({hundred})"
    );
    query(&format!("{aged} WHERE document_title IN ('old', 'pending')")).await;
    query(
        "UPDATE document_authentications SET status = 'PENDING', outbox = 'REQUEST' WHERE document_title = 'pending'",
    )
    .await;
    query(
        "UPDATE document_authentications SET received_at = '2022-04-01', id = CONCAT('017fe26b-f400', SUBSTR(id, 14))
           WHERE document_title = 'older'",
    )
    .await;
    assert_eq!(command(&access, &["retention"]), "old records: 3\n");
    let left = "SELECT CONCAT(document_title, ' ', url_document) FROM document_authentications ORDER BY document_title";
    let url = "https://bucket.example/file.pdf";
    let with_query = |title: &str| format!("{title} {url}?X-Amz-Signature=presigned");
    assert_eq!(query(left).await, [with_query("new"), format!("old {url}"), with_query("pending")]);
}
