//! A delivery to the components: a message as an HTTP request, and what came of it.
//!
//! Messages that wait at the same time share a request (see [`crate::batches`]): its body is
//! `{"deliveries": [{"headers": {…}, "body": "…"}]}`, and that of the response has for each of them
//! `{"message_id": "…"}` with `finished` or `problem`, the body of its own response.
//!
//! The request has the body of the message, decompressed and otherwise unchanged, and these headers:
//! `x-message-id` (the id of the cloud event in the headers of the message, else the AMQP property),
//! `x-correlation-id` and `x-reply-to` (the AMQP properties, if there are any), `x-replay` (the
//! number of the replay, if it is one), `x-attempt` (from 1), `x-give-up-after`, `traceparent` and
//! `tracestate`.
//!
//! With `x-removed: true` the request is finished without asking the registry: RabbitMQ has removed its
//! message from the queue, because it expired for example.
//!
//! Without a verdict a request that was received `x-give-up-after` seconds ago is finished with an
//! error. The component decides this by its record, because only the record tells when the request
//! was received first: the message may have been lost and published again.
//!
//! The response to a finished request is a 200 with `{"outcome": "done" or "done-without-verdict",
//! "event": {…}}`; see [`Event`]. All other responses are problems (RFC 9457):
//! [`connectivity_domain::job::settlement::settle`] decides what becomes of the message, and a
//! `detail` becomes the reason in the dead-letter queue. A response has the id of the request in
//! `x-message-id` if the component could tell it.

use crate::event::Event;
use crate::message::{Message, REPLAY, trace_headers};
use bytes::Bytes;
use connectivity_domain::job::settlement::Reply;
use connectivity_domain::trace::TraceContext;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::time::Duration;

/// The longest body that is delivered, in bytes. The components have limits of their own below it.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// The AMQP property `message_id`; in a response the id of the request.
const MESSAGE_ID: &str = "x-message-id";
/// The AMQP property `correlation_id`.
const CORRELATION_ID: &str = "x-correlation-id";
/// The AMQP property `reply_to`.
const REPLY_TO: &str = "x-reply-to";
/// The number of the attempt, from 1.
const ATTEMPT: &str = "x-attempt";
/// The age in seconds at which a request without a verdict is given up.
const GIVE_UP_AFTER: &str = "x-give-up-after";
/// `true` if RabbitMQ has removed the message from the queue.
const REMOVED: &str = "x-removed";

/// An attempt at a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// From 1.
    pub(crate) number: u32,
    /// The age at which a request without a verdict is given up.
    pub(crate) give_up_after: Duration,
    /// RabbitMQ has removed the message from the queue, because it expired for example.
    pub(crate) is_removed: bool,
}

/// A delivery as it is sent to the components.
#[derive(Debug)]
pub(crate) struct HttpDelivery {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The answer of the components to a delivery.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status, if there was a response.
    pub(crate) status: Option<u16>,
    pub(crate) delivered: Delivered,
}

/// What came of a delivery.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) reply: Reply,
    /// The event of a finished request.
    pub(crate) event: Option<Event>,
    /// The id of the request, if the components could tell it.
    pub(crate) request_id: Option<String>,
}

/// The body of a successful response.
#[derive(Deserialize)]
pub(crate) struct Finished {
    outcome: Outcome,
    event: Event,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Done,
    DoneWithoutVerdict,
}

impl Delivered {
    pub(crate) fn new(finished: Result<Finished, Reply>, request_id: Option<String>) -> Self {
        let (reply, event) = match finished {
            Ok(Finished { outcome: Outcome::Done, event }) => (Reply::Done, Some(event)),
            Ok(Finished { outcome: Outcome::DoneWithoutVerdict, event }) => (Reply::DoneWithoutVerdict, Some(event)),
            Err(reply) => (reply, None),
        };
        Self { reply, event, request_id }
    }

    /// A message that was not delivered, because it is invalid for this reason.
    pub(crate) fn refused(detail: String) -> Self {
        let slug = "invalid-request".to_owned();
        Self::new(Err(Reply::Problem { status: 400, slug, detail, retry_after: None, asked: false }), None)
    }
}

/// The headers of a delivery. A property that does not fit a header is omitted.
pub(crate) fn headers(message: &Message, attempt: Attempt, trace: Option<&TraceContext>) -> HeaderMap {
    let (number, age) = (attempt.number.to_string(), attempt.give_up_after.as_secs().to_string());
    let mut pairs = vec![(CONTENT_TYPE.as_str(), "application/json"), (ATTEMPT, &number), (GIVE_UP_AFTER, &age)];
    let event = message.properties.event_id();
    pairs.extend(event.as_deref().or(message.properties.message_id()).map(|id| (MESSAGE_ID, id)));
    pairs.extend(message.properties.correlation_id().map(|id| (CORRELATION_ID, id)));
    pairs.extend(message.properties.reply_to().map(|queue| (REPLY_TO, queue)));
    pairs.extend(message.headers.get(REPLAY).map(|number| (REPLAY, number.as_str())));
    pairs.extend(attempt.is_removed.then_some((REMOVED, "true")));
    pairs.extend(trace_headers(trace));
    let parse = |(name, value): (&str, &str)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    pairs.into_iter().filter_map(parse).collect()
}

/// Returns the id of the request in the headers of a response.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get(MESSAGE_ID)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::amqp::Properties;
    use crate::message::Headers;

    fn no_answer() -> Reply {
        Reply::None("not JSON".into())
    }

    fn delivered(body: &str) -> Delivered {
        Delivered::new(serde_json::from_str(body).map_err(|_| no_answer()), Some("m".into()))
    }

    #[test]
    fn properties_and_the_attempt_become_headers() {
        let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("a=1"));
        let properties = Properties::json(Some("m"), Some("not\nfit")).with_reply_to(Some("replies"));
        let headers = Headers::from([(REPLAY.to_owned(), "2".to_owned()), ("x-other".into(), "1".into())]);
        let message = Message { properties, headers, ..Message::default() };
        let headers = super::headers(
            &message,
            Attempt { number: 3, give_up_after: Duration::from_hours(24), is_removed: true },
            trace.as_ref(),
        );
        let mut found: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
        found.sort();
        assert_eq!(
            found,
            [
                "content-type: application/json",
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "tracestate: a=1",
                "x-attempt: 3",
                "x-give-up-after: 86400",
                "x-message-id: m",
                "x-removed: true",
                "x-replay: 2",
                "x-reply-to: replies",
            ]
        );
    }

    #[test]
    fn outcome_decides_the_reply() {
        let event = r#"{"id": "i", "kind": "result", "routing_key": "k", "message_id": "e", "body": {}}"#;
        let body = |outcome: &str| format!(r#"{{"outcome": "{outcome}", "event": {event}}}"#);
        assert_eq!(delivered(&body("done")).reply, Reply::Done);
        assert_eq!(delivered(&body("done-without-verdict")).reply, Reply::DoneWithoutVerdict);
        for unreadable in [body("pending"), event.to_owned(), String::new()] {
            let delivered = delivered(&unreadable);
            assert_eq!((delivered.reply, delivered.event.is_none()), (no_answer(), true), "{unreadable}");
        }
    }
}
