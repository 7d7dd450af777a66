//! Deliveries of the bridge. The body is that of a message, unchanged; the AMQP properties of the
//! message and the state of its attempts are in headers.

use crate::services::problem;
use crate::settings::RouteSettings;
use crate::wire::{event, invalid};
use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::document::{DocumentRecord, DocumentRequest, Submission};
use connectivity_domain::job::{MessageId, Status, Unfinished};
use connectivity_edge::problem::Problem;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

/// In a delivery the AMQP property `message_id`; in a response the id of the request.
const MESSAGE_ID: &str = "x-message-id";
/// The number of the replay, if the message was replayed from the dead-letter queue.
const REPLAY: &str = "x-replay";
/// `true` if no attempt follows this one.
const LAST_ATTEMPT: &str = "x-last-attempt";

/// A delivered request.
pub(crate) struct Delivery {
    pub(crate) message_id: MessageId,
    pub(crate) request: DocumentRequest,
    pub(crate) is_last_attempt: bool,
}

/// Reads a delivery. The id of the request is the `messageId` in the body, else the AMQP
/// `message_id`, else a digest of the body.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Problem> {
    let Submission { message_id, request } = Submission::parse(body).map_err(|error| invalid(&error))?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let given = text(MESSAGE_ID).and_then(|id| MessageId::parse(id).ok());
    let message_id = message_id.or(given).unwrap_or_else(|| MessageId::digest(body));
    let replay = text(REPLAY).and_then(|number| number.parse().ok()).filter(|number| *number > 0);
    let message_id = replay.map_or(message_id.clone(), |number| message_id.replay(number));
    Ok(Delivery { message_id, request, is_last_attempt: text(LAST_ATTEMPT) == Some("true") })
}

/// Returns the response to a delivery: the event to publish, or why the request is not finished.
pub(crate) fn respond(
    message_id: &MessageId,
    record: Result<DocumentRecord, Unfinished>,
    settings: &RouteSettings,
) -> Response {
    let mut response = match record {
        Ok(record) => {
            let outcome = if record.status == Status::Error { "done-without-verdict" } else { "done" };
            Json(json!({"outcome": outcome, "event": event(&record, settings)})).into_response()
        }
        Err(unfinished) => problem(&unfinished).into_response(),
    };
    // A message id has visible ASCII characters only.
    if let Ok(id) = HeaderValue::from_str(message_id.as_str()) {
        response.headers_mut().insert(MESSAGE_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"idCitizen": 1128456232, "UrlDocument": "https://h/f", "documentTitle": "t"}"#;
    const NAMED: &str =
        r#"{"messageId": "m", "idCitizen": 1128456232, "UrlDocument": "https://h/f", "documentTitle": "t"}"#;

    fn delivery(headers: &[(&'static str, &'static str)], body: &str) -> Result<Delivery, Problem> {
        let headers =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        read(&headers.collect(), body.as_bytes())
    }

    fn id(headers: &[(&'static str, &'static str)], body: &str) -> String {
        delivery(headers, body).unwrap_or_else(|_| panic!("invalid: {body}")).message_id.as_str().to_owned()
    }

    #[test]
    fn request_id_is_that_of_the_body_else_that_of_the_message_else_a_digest() {
        let amqp = ("x-message-id", "amqp");
        assert_eq!(id(&[amqp], NAMED), "m");
        assert_eq!(id(&[amqp], BODY), "amqp");
        assert_eq!(id(&[], BODY), id(&[("x-message-id", "not an id")], BODY));
        assert_ne!(id(&[], BODY), id(&[], &BODY.replace("\"t\"", "\"u\"")));
    }

    #[test]
    fn replay_is_a_request_of_its_own() {
        assert_eq!(id(&[("x-replay", "2")], NAMED), "m~2");
        assert_eq!(id(&[("x-replay", "0")], NAMED), "m");
        assert_eq!(id(&[("x-replay", "no number")], NAMED), "m");
    }

    #[test]
    fn last_attempt_is_marked() {
        let is_last = |headers: &[_]| delivery(headers, BODY).is_ok_and(|delivery| delivery.is_last_attempt);
        assert!(is_last(&[("x-last-attempt", "true")]));
        assert!(!is_last(&[("x-last-attempt", "false")]) && !is_last(&[]));
    }
}
