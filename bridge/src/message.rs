//! A message: its body, properties, headers and trace context. The bridge does not read the body.

use crate::amqp::Properties;
use bytes::Bytes;
use connectivity_domain::trace::TraceContext;
use std::collections::BTreeMap;

/// How often the registry has been asked about the message.
pub(crate) const ATTEMPTS: &str = "x-attempts";
/// How often the message was delivered without the registry being asked.
pub(crate) const NOT_ASKED: &str = "x-not-asked";
/// How often the components failed to process the message.
pub(crate) const COMPONENT_FAILURES: &str = "x-troubles";
/// The first error of the message.
pub(crate) const FIRST_ERROR: &str = "x-first-error";
/// Why the message is in the dead-letter queue.
pub(crate) const REASON: &str = "x-reason";
/// The id of the request in a dead letter, as far as the components could tell it.
pub(crate) const REQUEST_ID: &str = "x-message-id";
/// The number of the replay, where the message is one.
pub(crate) const REPLAY: &str = "x-replay";
/// Why RabbitMQ has removed the message from the queue of requests, if it was put back into the queue
/// of removed messages since.
pub(crate) const REMOVED: &str = "x-removed";
/// The property `user_id` that the message had when it was received first.
pub(crate) const USER: &str = "x-user-id";
/// Set in the dead-letter queue if the request ended as an error: a replay of it is a new request.
const ENDED: &str = "x-ended";

/// The headers that only the bridge may set. They are believed in messages of the bridge's own
/// account, and removed from all others.
pub(crate) const OWN_HEADERS: [&str; 10] =
    [ATTEMPTS, NOT_ASKED, COMPONENT_FAILURES, FIRST_ERROR, REASON, REQUEST_ID, REPLAY, REMOVED, USER, ENDED];

/// The headers of W3C Trace Context.
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
pub(crate) const TRACE_HEADERS: [&str; 2] = [TRACEPARENT, TRACESTATE];

/// Headers by name.
pub(crate) type Headers = BTreeMap<String, String>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub(crate) body: Bytes,
    /// The properties, and the headers of others.
    pub(crate) properties: Properties,
    pub(crate) trace: Option<TraceContext>,
    /// The bridge's own headers.
    pub(crate) headers: Headers,
}

impl Message {
    /// A message as it came from the broker, with the headers that the bridge reads.
    pub(crate) fn received(body: Vec<u8>, properties: Properties, mut headers: Headers) -> Self {
        let (traceparent, tracestate) = (headers.remove(TRACEPARENT), headers.remove(TRACESTATE));
        let trace = traceparent.and_then(|traceparent| TraceContext::parse(&traceparent, tracestate.as_deref()));
        Self { body: body.into(), properties, trace, headers }
    }

    /// The headers that are set when the message is published.
    pub(crate) fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        headers.chain(trace_headers(self.trace.as_ref()))
    }

    /// The number in a header, or 0.
    pub(crate) fn number(&self, header: &str) -> u32 {
        self.headers.get(header).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// How often the message was delivered without a verdict. Its delays grow with this number.
    pub(crate) fn rounds(&self) -> u32 {
        self.number(ATTEMPTS).saturating_add(self.number(NOT_ASKED))
    }

    /// The message with a counter incremented. Keeps the first error.
    pub(crate) fn after(&self, counter: &str, error: &str) -> Self {
        let mut message = self.clone();
        message.headers.insert(counter.to_owned(), self.number(counter).saturating_add(1).to_string());
        message.headers.entry(FIRST_ERROR.to_owned()).or_insert_with(|| error.to_owned());
        message
    }

    /// The message for the dead-letter queue. `ended` says that its request ended as an error.
    pub(crate) fn dead(&self, reason: &str, request_id: Option<&str>, ended: bool) -> Self {
        let mut message = self.clone();
        message.headers.insert(REASON.to_owned(), reason.to_owned());
        message.headers.insert(ATTEMPTS.to_owned(), self.number(ATTEMPTS).to_string());
        message.headers.entry(FIRST_ERROR.to_owned()).or_insert_with(|| reason.to_owned());
        if let Some(id) = request_id {
            message.headers.insert(REQUEST_ID.to_owned(), id.to_owned());
        }
        if ended {
            message.headers.insert(ENDED.to_owned(), "ERROR".to_owned());
        }
        message
    }

    /// The message of the dead-letter queue as a request again.
    pub(crate) fn replayed(&self) -> Self {
        let kept = self.headers.iter().filter(|(name, _)| [REPLAY, USER].contains(&name.as_str()));
        let mut headers: Headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        if self.headers.contains_key(ENDED) {
            headers.insert(REPLAY.to_owned(), self.number(REPLAY).saturating_add(1).to_string());
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

    #[test]
    fn counters_and_the_first_error_are_kept() {
        let twice = Message::default().after(ATTEMPTS, "first").after(ATTEMPTS, "second");
        assert_eq!((twice.number(ATTEMPTS), twice.headers[FIRST_ERROR].as_str()), (2, "first"));
        let dead = twice.dead("why", Some("m"), true);
        let headers = [REASON, FIRST_ERROR, ATTEMPTS, REQUEST_ID].map(|name| dead.headers[name].as_str());
        assert_eq!(headers, ["why", "first", "2", "m"]);
    }

    #[test]
    fn delays_grow_with_every_delivery_without_a_verdict() {
        let message =
            Message::default().after(ATTEMPTS, "asked").after(NOT_ASKED, "breaker").after(NOT_ASKED, "breaker");
        assert_eq!((message.number(ATTEMPTS), message.rounds()), (1, 3));
        let failed = message.after(COMPONENT_FAILURES, "no answer");
        assert_eq!(failed.rounds(), 3);
        assert_eq!(failed.dead("why", None, true).replayed().rounds(), 0, "a replay starts anew");
        let forged = Headers::from([ATTEMPTS, NOT_ASKED].map(|name| (name.to_owned(), u32::MAX.to_string())));
        assert_eq!(Message::received(Vec::new(), Properties::default(), forged).rounds(), u32::MAX);
    }

    #[test]
    fn replay_is_a_new_request_only_if_the_first_one_ended() {
        let message = Message { body: "{}".into(), ..Message::default() };
        let ended = message.after(ATTEMPTS, "error").dead("no verdict", Some("m"), true).replayed();
        assert_eq!((ended.number(REPLAY), ended.number(ATTEMPTS), &ended.body), (1, 0, &message.body));
        assert_eq!(ended.dead("no verdict", None, true).replayed().number(REPLAY), 2);
        assert_eq!(ended.dead("failures", None, false).replayed().number(REPLAY), 1);
        assert_eq!(message.dead("failures", Some("m"), false).replayed(), message);
    }

    #[test]
    fn counters_do_not_overflow() {
        for (value, expected) in [("4294967295", u32::MAX), ("4294967294", u32::MAX), ("4294967296", 1), ("-1", 1)] {
            let headers = [ATTEMPTS, COMPONENT_FAILURES, REPLAY, ENDED].map(|name| (name.to_owned(), value.to_owned()));
            let message = Message::received(Vec::new(), Properties::default(), Headers::from(headers));
            assert_eq!(message.after(ATTEMPTS, "error").number(ATTEMPTS), expected, "{value}");
            assert_eq!(message.after(COMPONENT_FAILURES, "error").number(COMPONENT_FAILURES), expected, "{value}");
            assert_eq!(message.replayed().number(REPLAY), expected, "{value}");
        }
    }

    #[test]
    fn valid_trace_context_is_kept_and_an_invalid_one_dropped() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let pairs = |pairs: &[(&str, &str)]| -> Headers {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let sent = |headers: Headers| {
            let message = Message::received(Vec::new(), Properties::default(), headers);
            message.all_headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Headers>()
        };
        let valid = pairs(&[("other", "1"), (TRACEPARENT, parent), (TRACESTATE, "a=1")]);
        assert_eq!(sent(valid.clone()), valid);
        let invalid = pairs(&[("other", "1"), (TRACEPARENT, "invalid"), (TRACESTATE, "a=1")]);
        assert_eq!(sent(invalid), pairs(&[("other", "1")]));
    }
}
