//! A message: its body, id, headers and trace context.

use connectivity_domain::document::{MAX_MESSAGE, RequestError, Submission};
use connectivity_domain::job::MessageId;
use connectivity_domain::trace::TraceContext;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How often the registry has been asked about the message.
pub(crate) const ATTEMPTS: &str = "x-attempts";
/// How often the components failed to process the message.
pub(crate) const COMPONENT_FAILURES: &str = "x-troubles";
/// The first error of the message.
pub(crate) const FIRST_ERROR: &str = "x-first-error";
/// Why the message is in the dead-letter queue.
pub(crate) const REASON: &str = "x-reason";
/// Set in the dead-letter queue if the request ended as an error: a replay of it is a new request.
const ENDED: &str = "x-ended";
/// The number of the replay, where the message is one.
const REPLAY: &str = "x-replay";
/// The headers of W3C Trace Context.
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Headers by name.
pub(crate) type Headers = BTreeMap<String, String>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) body: Vec<u8>,
    /// The AMQP property `message_id`.
    pub(crate) id: Option<String>,
    pub(crate) trace: Option<TraceContext>,
    /// The headers but those of the trace.
    pub(crate) headers: Headers,
}

/// A request that can be delivered to the components.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: MessageId,
    pub(crate) object: Map<String, Value>,
}

impl Message {
    /// A message as it came from the broker.
    pub(crate) fn received(body: Vec<u8>, id: Option<String>, mut headers: Headers) -> Self {
        let (traceparent, tracestate) = (headers.remove(TRACEPARENT), headers.remove(TRACESTATE));
        let trace = traceparent.and_then(|traceparent| TraceContext::parse(&traceparent, tracestate.as_deref()));
        Self { body, id, trace, headers }
    }

    /// All headers, those of the trace included.
    pub(crate) fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        headers.chain(trace_headers(self.trace.as_ref()))
    }

    /// The number in a header, or 0.
    pub(crate) fn number(&self, header: &str) -> u32 {
        self.headers.get(header).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Parses the request in the body.
    pub(crate) fn request(&self) -> Result<Request, RequestError> {
        let Submission { message_id, .. } = Submission::parse(&self.body)?;
        // What has been parsed above is an object.
        let object: Map<String, Value> =
            serde_json::from_slice(self.body.get(..self.body.len().min(MAX_MESSAGE)).unwrap_or_default())
                .map_err(|_| RequestError::NotAnObject)?;
        let given = self.id.as_deref().and_then(|id| MessageId::parse(id).ok());
        let id = message_id.or(given).unwrap_or_else(|| MessageId::digest(&self.body));
        let id = match self.number(REPLAY) {
            0 => id,
            number => id.replay(number),
        };
        Ok(Request { id, object })
    }

    /// The message with a counter incremented. Keeps the first error.
    pub(crate) fn after(&self, counter: &str, error: &str) -> Self {
        let mut message = self.clone();
        message.headers.insert(counter.to_owned(), (self.number(counter) + 1).to_string());
        message.headers.entry(FIRST_ERROR.to_owned()).or_insert_with(|| error.to_owned());
        message
    }

    /// The message for the dead-letter queue. `ended` says that its request ended as an error.
    pub(crate) fn dead(&self, reason: &str, ended: bool) -> Self {
        let mut message = self.clone();
        message.headers.insert(REASON.to_owned(), reason.to_owned());
        message.headers.insert(ATTEMPTS.to_owned(), self.number(ATTEMPTS).to_string());
        message.headers.entry(FIRST_ERROR.to_owned()).or_insert_with(|| reason.to_owned());
        if ended {
            message.headers.insert(ENDED.to_owned(), "ERROR".to_owned());
        }
        message
    }

    /// The message of the dead-letter queue as a request again.
    pub(crate) fn replayed(&self) -> Self {
        let mut headers = Headers::new();
        if let Some(value) = self.headers.get(REPLAY) {
            headers.insert(REPLAY.to_owned(), value.clone());
        }
        if self.headers.contains_key(ENDED) {
            headers.insert(REPLAY.to_owned(), (self.number(REPLAY) + 1).to_string());
        }
        Self { headers, ..self.clone() }
    }
}

/// The headers of a trace, for AMQP and for HTTP.
pub(crate) fn trace_headers(trace: Option<&TraceContext>) -> impl Iterator<Item = (&str, &str)> {
    let traceparent = trace.map(|trace| (TRACEPARENT, trace.traceparent.as_str()));
    let tracestate = trace.and_then(|trace| trace.tracestate.as_deref()).map(|state| (TRACESTATE, state));
    traceparent.into_iter().chain(tracestate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, body: &str) -> Message {
        Message { body: body.into(), id: id.map(str::to_owned), ..Message::default() }
    }

    const BODY: &str = r#"{"idCitizen": 1128456232, "UrlDocument": "https://h/f", "documentTitle": "t"}"#;
    const NAMED: &str =
        r#"{"messageId": "m", "idCitizen": 1128456232, "UrlDocument": "https://h/f", "documentTitle": "t"}"#;

    fn id(message: &Message) -> String {
        message.request().expect("a request").id.as_str().to_owned()
    }

    #[test]
    fn request_id_is_that_of_the_body_else_that_of_the_message_else_a_digest() {
        assert_eq!(id(&message(Some("amqp"), NAMED)), "m");
        assert_eq!(id(&message(Some("amqp"), BODY)), "amqp");
        assert_eq!(id(&message(None, BODY)), id(&message(Some("not an id"), BODY)));
        assert_ne!(id(&message(None, BODY)), id(&message(None, &BODY.replace("\"t\"", "\"u\""))));
    }

    #[test]
    fn counters_and_the_first_error_are_kept() {
        let twice = message(None, BODY).after(ATTEMPTS, "first").after(ATTEMPTS, "second");
        assert_eq!((twice.number(ATTEMPTS), twice.headers[FIRST_ERROR].as_str()), (2, "first"));
        let dead = twice.dead("why", true);
        assert_eq!((dead.headers[REASON].as_str(), dead.headers[FIRST_ERROR].as_str()), ("why", "first"));
    }

    #[test]
    fn replay_is_a_new_request_only_if_the_first_one_ended() {
        let ended = message(None, NAMED).dead("no verdict", true).replayed();
        assert_eq!((id(&ended), ended.number(ATTEMPTS)), ("m~1".to_owned(), 0));
        assert_eq!(id(&ended.dead("no verdict", true).replayed()), "m~2");
        assert_eq!(id(&ended.dead("failures", false).replayed()), "m~1");
        assert_eq!(id(&message(None, NAMED).dead("failures", false).replayed()), "m");
    }

    #[test]
    fn valid_trace_context_is_kept_and_an_invalid_one_dropped() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let pairs = |pairs: &[(&str, &str)]| -> Headers {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let sent = |headers: Headers| {
            let message = Message::received(Vec::new(), None, headers);
            message.all_headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Headers>()
        };
        let valid = pairs(&[("other", "1"), (TRACEPARENT, parent), (TRACESTATE, "a=1")]);
        assert_eq!(sent(valid.clone()), valid);
        let invalid = pairs(&[("other", "1"), (TRACEPARENT, "invalid"), (TRACESTATE, "a=1")]);
        assert_eq!(sent(invalid), pairs(&[("other", "1")]));
    }
}
