use super::*;
use crate::job::submission::MAX_REQUEST;
use crate::job::{Claim, Correlation, MessageId, Origin, Outcome, Question, RequestError, Requester};
use crate::registry::{NoVerdict, RegistryError};
use crate::time::Timestamp;
use crate::verdict::{Cause, Evidence};
use serde_json::{Value, json};
use std::time::Duration;

const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn message() -> Value {
    json!({"messageId": "m-1", "documentId": "d-1", "idCitizen": 1_128_456_232,
           "UrlDocument": "https://bucket.example/file.pdf?X-Amz-Signature=secret", "documentTitle": "Diploma Grado"})
}

fn parse(message: &Value) -> Result<Submission, RequestError> {
    Submission::parse(message.to_string().as_bytes())
}

#[test]
fn both_spellings_of_the_url_and_unknown_fields_are_accepted() {
    let plain = parse(&message()).expect("a request");
    assert_eq!(plain.message_id.as_ref().map(MessageId::as_str), Some("m-1"));
    let mut other = message();
    let url = other["UrlDocument"].take();
    other.as_object_mut().expect("an object").remove("UrlDocument");
    other["urlDocument"] = url;
    other["extra"] = json!([1, 2]);
    for id in [json!(" 1128456232 "), json!("0001128456232"), json!(1_128_456_232.0), json!(1.128_456_232e9)] {
        other["idCitizen"] = id;
        assert_eq!(parse(&other).as_ref(), Ok(&plain), "{other}");
    }
}

#[test]
fn errors_name_the_field() {
    for (field, value, expected) in [
        ("idCitizen", Value::Null, "idCitizen is missing"),
        ("idCitizen", json!(12345), "idCitizen must have at least 6 digits, not counting leading zeros"),
        ("idCitizen", json!("000124"), "idCitizen must have at least 6 digits, not counting leading zeros"),
        ("idCitizen", json!(1_234_567_890_123_u64), "idCitizen must have at most 12 digits"),
        ("idCitizen", json!(1_128_456_232.5), "idCitizen must be a whole number or a string of 6 to 12 digits"),
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
    assert_eq!(
        parse(&both),
        Err(RequestError::Repeated("a field appears twice, or UrlDocument and urlDocument have different values"))
    );
}

#[test]
fn debug_shows_neither_credential_nor_citizen() {
    let shown = format!("{:?}", parse(&message()).expect("a request"));
    assert!(!shown.contains("secret") && !shown.contains("1128456232"), "{shown}");
}

fn check_url(text: &str, expected: Result<&str, &str>) {
    let url = DocumentUrl::parse(text);
    assert_eq!(url.as_ref().map(DocumentUrl::without_query).map_err(|error| *error), expected, "{text}");
    if let Ok(url) = url {
        assert_eq!((url.as_str(), format!("{url:?}")), (text, format!("DocumentUrl({}…)", url.without_query())));
    }
}

#[test]
fn url_is_absolute_and_has_a_host() {
    const HOST: Result<&str, &str> = Err("must have a host and, if it has a port, a valid one");
    check_url("https://host", Ok("https://host"));
    check_url("HTTP://host:8080/a?b#c", Ok("HTTP://host:8080/a"));
    check_url("https://host/a#b?c", Ok("https://host/a"));
    check_url("https://host:/a", Ok("https://host:/a"));
    check_url("https://[::1]/a", Ok("https://[::1]/a"));
    check_url("https://[::1]:8443/a@b", Ok("https://[::1]:8443/a@b"));
    check_url("https://", HOST);
    check_url("https://:443/a", HOST);
    check_url("https://host:65536/a", HOST);
    check_url("https://[::1]:x/a", HOST);
    check_url("https://user@host/a", Err("must not contain a user name or password"));
    check_url("ftp://host/a", Err("must start with https:// or http://"));
    check_url("host/a", Err("must start with https:// or http://"));
    for text in ["https://host/a b", "https://host/a\tb", "https://host/a\0b", "https://host/\u{a0}", "https://host\\a"]
    {
        check_url(text, Err("must not contain white space, control characters or backslashes"));
    }
    let path = "x".repeat(4096 - "https://host/".len());
    check_url(&format!("https://host/{path}"), Ok(&format!("https://host/{path}")));
    check_url(&format!("https://host/{path}x"), Err("must have at most 4096 characters"));
}

#[test]
fn limits_are_inclusive() {
    let mut longest = message();
    longest["documentTitle"] = "x".repeat(200).into();
    longest["documentId"] = "ñ".repeat(200).into();
    assert_eq!(parse(&longest).expect("a request").request.title.len(), 200);
    let padded = format!("{}{}", message(), " ".repeat(MAX_REQUEST - message().to_string().len()));
    assert!(Submission::parse(padded.as_bytes()).is_ok());
    assert_eq!(Submission::parse(format!("{padded} ").as_bytes()), Err(RequestError::TooLong));
}

fn record(answer: &Result<Authenticity, RegistryError>) -> DocumentRecord {
    let Submission { message_id, request } = parse(&message()).expect("a request");
    let (id, token) = ("id".to_owned(), "token".to_owned());
    let message_id: MessageId = message_id.expect("an id");
    let claim = Claim {
        id,
        token,
        message_id,
        request,
        origin: Origin::Queue,
        enqueue_at: AT,
        correlation: Correlation::default(),
        requester: Requester::default(),
        trace: None,
        at: AT,
        until: AT,
    };
    let mut record = claim.pending_record();
    record.finish(&Outcome::from_answer(answer), AT);
    record
}

#[test]
fn result_repeats_the_request_and_says_whether_the_document_is_authentic() {
    let evidence = |status| Evidence { status, body: None };
    let retry_after = Duration::ZERO;
    let timeout = NoVerdict { cause: Cause::Timeout, status: None, retry_after, attempts: 3 };
    for (answer, success, status, code, text) in [
        (
            Ok(Authenticity::Authenticated(evidence(200))),
            true,
            "SUCCESS",
            json!(200),
            "the registry authenticated the document",
        ),
        (
            Ok(Authenticity::Rejected(evidence(204))),
            false,
            "FAILED",
            json!(204),
            "the registry did not authenticate the document",
        ),
        (Err(RegistryError::Unavailable(timeout)), false, "ERROR", Value::Null, "the registry did not answer in time"),
    ] {
        let mut expected = message();
        expected["authSuccess"] = success.into();
        expected["authenticated"] = success.into();
        expected["message"] = text.into();
        expected["authenticatedAt"] = "2027-01-15T08:00:00.000Z".into();
        expected["status"] = status.into();
        expected["externalApiStatusCode"] = code;
        expected["processedAt"] = "2027-01-15T08:00:00.000Z".into();
        assert_eq!(record(&answer).result(), Some(expected));
    }
}

#[test]
fn rejection_is_explained() {
    let record = record(&Ok(Authenticity::Rejected(Evidence { status: 204, body: None })));
    assert_eq!(record.error_message.as_deref(), Some("the registry did not authenticate the document"));
    assert_eq!(record.request.citizen().as_str(), "1128456232");
}

#[test]
fn request_is_the_message_that_asked_it_with_the_id_of_the_record() {
    let record = record(&Ok(Authenticity::Rejected(Evidence { status: 204, body: None })));
    let mut expected = message();
    expected["messageId"] = "record:id".into();
    assert_eq!(record.request_event(), expected);
    assert_eq!(parse(&record.request_event()).expect("a request").request, record.request);
}
