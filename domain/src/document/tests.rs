use super::fakes::{FakeDocumentRegistry, FakeDocumentStore};
use super::*;
use crate::registry::NoVerdict;
use crate::verdict::Evidence;
use serde_json::{Value, json};

const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const LEASE: Duration = Duration::from_secs(30);

fn message() -> Value {
    json!({"messageId": "m-1", "documentId": "d-1", "idCitizen": 1_128_456_232,
           "UrlDocument": "https://bucket.example/file.pdf?X-Amz-Signature=secret", "documentTitle": "Diploma Grado"})
}

fn parse(message: &Value) -> Result<Submission, RequestError> {
    Submission::parse(message.to_string().as_bytes())
}

fn claim(token: &str, at: Timestamp) -> Claim {
    let Submission { message_id, request } = parse(&message()).expect("a request");
    Claim {
        id: format!("id-{token}"),
        token: token.into(),
        message_id: message_id.expect("an id"),
        request,
        origin: Origin::Queue,
        trace: None,
        at,
        until: at.plus(LEASE),
    }
}

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: None }
}

fn down() -> Result<Authenticity, RegistryError> {
    let retry_after = Duration::from_secs(9);
    Err(RegistryError::Unavailable(NoVerdict { cause: Cause::Timeout, status: None, retry_after, attempts: 3 }))
}

#[test]
fn both_spellings_of_the_url_and_unknown_fields_are_accepted() {
    let plain = parse(&message()).expect("a request");
    assert_eq!(plain.message_id.as_ref().map(MessageId::as_str), Some("m-1"));
    let mut other = message();
    let url = other["UrlDocument"].take();
    other.as_object_mut().expect("an object").remove("UrlDocument");
    other["urlDocument"] = url;
    other["idCitizen"] = " 1128456232 ".into();
    other["extra"] = json!([1, 2]);
    assert_eq!(parse(&other), Ok(plain));
}

#[test]
fn errors_name_the_field() {
    for (field, value, expected) in [
        ("idCitizen", Value::Null, "idCitizen is missing"),
        ("idCitizen", json!(12345), "idCitizen must have at least 6 digits"),
        ("idCitizen", json!(1_234_567_890_123_u64), "idCitizen must have at most 12 digits"),
        ("idCitizen", json!(1.5e9), "idCitizen must be a whole number or a string of 6 to 12 digits"),
        ("idCitizen", json!(1e30), "idCitizen must be a whole number or a string of 6 to 12 digits"),
        ("idCitizen", json!(-1_128_456_232), "idCitizen must be a whole number or a string of 6 to 12 digits"),
        ("UrlDocument", json!(7), "UrlDocument must be a string"),
        ("UrlDocument", json!("ftp://host/file"), "UrlDocument must start with https:// or http://"),
        ("UrlDocument", json!("/file.pdf"), "UrlDocument must start with https:// or http://"),
        ("UrlDocument", json!("https://me:pass@host/f"), "UrlDocument must not contain a user name or password"),
        ("UrlDocument", json!("https:///file"), "UrlDocument must have a host and, if it has a port, a valid one"),
        (
            "UrlDocument",
            json!("https://host:port/file"),
            "UrlDocument must have a host and, if it has a port, a valid one",
        ),
        (
            "UrlDocument",
            json!("https://a\\@b/file"),
            "UrlDocument must not contain white space, control characters or backslashes",
        ),
        (
            "UrlDocument",
            json!(format!("https://h/{}", "x".repeat(4096))),
            "UrlDocument must have at most 4096 characters",
        ),
        ("documentTitle", json!(" "), "documentTitle must have 1 to 200 characters and no control characters"),
        (
            "documentTitle",
            json!("x".repeat(201)),
            "documentTitle must have 1 to 200 characters and no control characters",
        ),
        ("messageId", json!(""), "messageId must be 1 to 128 visible ASCII characters"),
        ("messageId", json!(7), "messageId must be a string"),
        ("documentId", json!(["d"]), "documentId must be a string or a number"),
    ] {
        let mut message = message();
        message[field] = value;
        assert_eq!(parse(&message).expect_err("wrong").to_string(), expected);
    }
    for (bytes, expected) in [
        (&b""[..], "the request is not a JSON object"),
        (b"[]", "the request is not a JSON object"),
        (b"{\"idCitizen\": ", "the request is not a JSON object"),
        (
            b"{\"idCitizen\": 1128456232, \"idCitizen\": 1128456233}",
            "a field appears twice, or UrlDocument and urlDocument have different values",
        ),
        (b"\xff\xfe", "the request is not valid UTF-8"),
        (&vec![b'x'; 1024 * 1024], "the request is longer than 65536 bytes"),
    ] {
        assert_eq!(Submission::parse(bytes).expect_err("wrong").to_string(), expected);
    }
}

#[test]
fn two_spellings_of_the_url_must_have_the_same_value() {
    let mut both = message();
    both["urlDocument"] = both["UrlDocument"].clone();
    assert_eq!(parse(&both), parse(&message()));
    both["urlDocument"] = "https://bucket.example/another.pdf".into();
    assert_eq!(parse(&both), Err(RequestError::Repeated));
}

#[test]
fn debug_shows_neither_credential_nor_citizen() {
    let shown = format!("{:?}", parse(&message()).expect("a request"));
    assert!(!shown.contains("secret") && !shown.contains("1128456232"), "{shown}");
}

#[test]
fn derived_ids_are_deterministic() {
    let id = MessageId::parse("m-1").expect("an id");
    assert_eq!(id.result_id(), MessageId::parse("m-1").expect("an id").result_id());
    let (first, second) = (id.replay(1), id.replay(1).replay(2));
    assert_eq!((first.as_str(), second.as_str()), ("m-1~1", "m-1~2"));
    assert_ne!(first.result_id(), id.result_id());
    assert_eq!(MessageId::digest(b"a"), MessageId::digest(b"a"));
    assert_ne!(MessageId::digest(b"a"), MessageId::digest(b"b"));
}

#[tokio::test]
async fn verdict_is_recorded_once() {
    for (answer, status, success) in [
        (Authenticity::Authenticated(evidence(200)), DocumentStatus::Success, true),
        (Authenticity::Rejected(evidence(204)), DocumentStatus::Failed, false),
    ] {
        let (registry, store) = (FakeDocumentRegistry::answering(Ok(answer)), FakeDocumentStore::default());
        let record = authenticate(&registry, &store, &claim("a", AT), false, || AT).await.expect("a record");
        assert_eq!(record.status, status);
        let event = record.result().expect("an event");
        assert_eq!((&event["authSuccess"], &event["status"]), (&json!(success), &json!(status.as_str())));
        assert_eq!(
            (&event["idCitizen"], &event["processedAt"]),
            (&json!(1_128_456_232), &json!("2027-01-15T08:00:00.000Z"))
        );
        let other = FakeDocumentRegistry::answering(down());
        let again = authenticate(&other, &store, &claim("b", AT.plus(LEASE)), true, || AT.plus(LEASE)).await;
        assert_eq!(again, Ok(record));
        assert_eq!((registry.calls(), other.calls()), (1, 0));
    }
}

#[tokio::test]
async fn request_without_verdict_stays_pending_until_the_last_attempt() {
    let (registry, store) = (FakeDocumentRegistry::answering(down()), FakeDocumentStore::default());
    let unfinished = authenticate(&registry, &store, &claim("a", AT), false, || AT).await;
    let retry_after = Duration::from_secs(9);
    assert_eq!(unfinished, Err(Unfinished::NoVerdict { cause: Some(Cause::Timeout), retry_after }));
    assert_eq!(store.records()[0].result(), None);
    let record = authenticate(&registry, &store, &claim("b", AT), true, || AT).await.expect("the claim was released");
    assert_eq!((record.status, record.id.as_str()), (DocumentStatus::Error, "id-a"));
    assert_eq!(record.result().expect("an event")["authSuccess"], json!(false));
}

#[tokio::test]
async fn claim_is_exclusive_and_a_replaced_claim_changes_nothing() {
    let store = FakeDocumentStore::default();
    let (first, early) = (claim("a", AT), claim("b", AT.plus(LEASE / 2)));
    assert_eq!(store.claim(&first).await, Ok(Claimed::Mine("id-a".into())));
    assert_eq!(store.claim(&early).await, Ok(Claimed::InProgress(LEASE / 2)));
    let late = claim("c", AT.plus(LEASE));
    assert_eq!(store.claim(&late).await, Ok(Claimed::Mine("id-a".into())));
    let outcome = Outcome::from_answer(&Ok(Authenticity::Authenticated(evidence(200))));
    let record = store.finish(&first, &outcome, late.at).await.expect("a record");
    assert_eq!(record.status, DocumentStatus::Pending);
    let record = store.finish(&late, &outcome, late.at).await.expect("a record");
    assert_eq!(record.status, DocumentStatus::Success);
}

#[tokio::test]
async fn message_id_of_another_request_is_rejected() {
    let (registry, store) =
        (FakeDocumentRegistry::answering(Ok(Authenticity::Rejected(evidence(501)))), FakeDocumentStore::default());
    authenticate(&registry, &store, &claim("a", AT), false, || AT).await.expect("a record");
    let mut other = claim("b", AT);
    other.request.title = "another".into();
    assert_eq!(authenticate(&registry, &store, &other, false, || AT).await, Err(Unfinished::Different));
    let unreachable = authenticate(&registry, &FakeDocumentStore::down(), &other, true, || AT).await;
    assert_eq!(unreachable, Err(Unfinished::NotRecorded));
    assert_eq!(registry.calls(), 1, "the registry is not asked without a claim");
}

#[test]
fn only_authenticated_is_a_success() {
    for answer in [
        Ok(Authenticity::Rejected(evidence(204))),
        down(),
        Err(RegistryError::Refused(evidence(400))),
        Err(RegistryError::UnexpectedResponse(evidence(302))),
    ] {
        assert_ne!(Outcome::from_answer(&answer).status(), DocumentStatus::Success);
        assert_ne!(Outcome::from_answer(&answer).status(), DocumentStatus::Pending);
    }
}
