//! A message as the bridge sees it: a body, an id, headers. What AMQP calls them is the affair of `amqp`.

use connectivity_domain::document::{MAX_MESSAGE, MessageId, RequestError, Submission};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How often the registry was asked about it already.
pub(crate) const ATTEMPTS: &str = "x-attempts";
/// How often there was trouble with it.
pub(crate) const TROUBLES: &str = "x-troubles";
/// The first error it met.
pub(crate) const FIRST_ERROR: &str = "x-first-error";
/// Why it is in the dead-letter queue.
pub(crate) const REASON: &str = "x-reason";
/// Set in the dead-letter queue where the request ended as an error: a replay of it is a request of its own.
pub(crate) const ENDED: &str = "x-ended";
/// Which replay of its request it is.
pub(crate) const REPLAY: &str = "x-replay";
/// W3C Trace Context.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// What goes with it.
pub(crate) const TRACESTATE: &str = "tracestate";

/// By name.
pub(crate) type Headers = BTreeMap<String, String>;

/// What a message carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) body: Vec<u8>,
    /// AMQP `message_id`
    pub(crate) id: Option<String>,
    /// Those with a text or a number in them.
    pub(crate) headers: Headers,
}

/// A request that can be forwarded.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: MessageId,
    pub(crate) object: Map<String, Value>,
}

impl Message {
    /// A number in a header; 0 where there is none.
    pub(crate) fn number(&self, header: &str) -> u32 {
        self.headers.get(header).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// The headers of the trace it belongs to.
    pub(crate) fn trace(&self) -> Headers {
        let named = |name: &str| Some((name.to_owned(), self.headers.get(name)?.clone()));
        [TRACEPARENT, TRACESTATE].into_iter().filter_map(named).collect()
    }

    /// Reads the request in it.
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

    /// The same message with one more of something, and the first error it met.
    pub(crate) fn after(&self, counter: &str, error: &str) -> Self {
        let mut message = self.clone();
        message.headers.insert(counter.to_owned(), (self.number(counter) + 1).to_string());
        message.headers.entry(FIRST_ERROR.to_owned()).or_insert_with(|| error.to_owned());
        message
    }

    /// The same message for the dead-letter queue.
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

    /// The same message, fresh from the dead-letter queue.
    pub(crate) fn replayed(&self) -> Self {
        let mut headers = self.trace();
        if let Some(value) = self.headers.get(REPLAY) {
            headers.insert(REPLAY.to_owned(), value.clone());
        }
        if self.headers.contains_key(ENDED) {
            headers.insert(REPLAY.to_owned(), (self.number(REPLAY) + 1).to_string());
        }
        Self { body: self.body.clone(), id: self.id.clone(), headers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, body: &str) -> Message {
        Message { body: body.into(), id: id.map(str::to_owned), headers: BTreeMap::new() }
    }

    const BODY: &str = r#"{"idCitizen": 1128456232, "UrlDocument": "https://h/f", "documentTitle": "t"}"#;
    const NAMED: &str =
        r#"{"messageId": "m", "idCitizen": 1128456232, "UrlDocument": "https://h/f", "documentTitle": "t"}"#;

    fn id(message: &Message) -> String {
        message.request().expect("a request").id.as_str().to_owned()
    }

    #[test]
    fn the_id_is_the_bodys_else_the_messages_else_a_digest() {
        assert_eq!(id(&message(Some("amqp"), NAMED)), "m");
        assert_eq!(id(&message(Some("amqp"), BODY)), "amqp");
        assert_eq!(id(&message(None, BODY)), id(&message(Some("not an id"), BODY)));
        assert_ne!(id(&message(None, BODY)), id(&message(None, &BODY.replace("\"t\"", "\"u\""))));
    }

    #[test]
    fn counts_and_the_first_error_go_with_it() {
        let twice = message(None, BODY).after(ATTEMPTS, "first").after(ATTEMPTS, "second");
        assert_eq!((twice.number(ATTEMPTS), twice.headers[FIRST_ERROR].as_str()), (2, "first"));
        let dead = twice.dead("why", true);
        assert_eq!((dead.headers[REASON].as_str(), dead.headers[FIRST_ERROR].as_str()), ("why", "first"));
    }

    #[test]
    fn a_replay_is_another_request_only_if_the_first_one_ended() {
        let ended = message(None, NAMED).dead("no verdict", true).replayed();
        assert_eq!((id(&ended), ended.number(ATTEMPTS)), ("m~1".to_owned(), 0));
        assert_eq!(id(&ended.dead("no verdict", true).replayed()), "m~2");
        assert_eq!(id(&ended.dead("trouble", false).replayed()), "m~1");
        assert_eq!(id(&message(None, NAMED).dead("trouble", false).replayed()), "m");
    }
}
