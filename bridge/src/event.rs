//! What the components ask to be published.

use crate::amqp::Properties;
use crate::message::{Headers, Message};
use connectivity_domain::trace::TraceContext;
use serde::Deserialize;
use serde_json::Value;

/// The result or the request of a record.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Event {
    /// The id of the record.
    pub(crate) id: String,
    pub(crate) kind: EventKind,
    /// `None` for a request: the bridge knows its routing key.
    pub(crate) routing_key: Option<String>,
    message_id: String,
    body: Value,
    correlation_id: Option<String>,
    reply_to: Option<String>,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventKind {
    /// The result of a finished record.
    Result,
    /// The request of a pending record, for the queue.
    Request,
}

impl Event {
    /// The message to publish. `correlation_id` is that of the request, where it came with a
    /// message; else it is that of the record.
    pub(crate) fn message(&self, correlation_id: Option<&str>) -> Message {
        let trace = self.traceparent.as_deref();
        let correlation_id = correlation_id.or(self.correlation_id.as_deref());
        Message {
            body: self.body.to_string().into(),
            properties: Properties::json(Some(&self.message_id), correlation_id)
                .with_reply_to(self.reply_to.as_deref()),
            trace: trace.and_then(|traceparent| TraceContext::parse(traceparent, self.tracestate.as_deref())),
            headers: Headers::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_of_the_request_come_back() {
        let text = r#"{"id": "i", "kind": "result", "routing_key": "k", "message_id": "e", "body": {},
                       "correlation_id": "stored", "reply_to": "replies"}"#;
        let event: Event = serde_json::from_str(text).expect("an event");
        let found = |correlation_id| {
            let properties = event.message(correlation_id).properties;
            assert_eq!((properties.message_id(), properties.reply_to()), (Some("e"), Some("replies")));
            properties.correlation_id().map(str::to_owned)
        };
        assert_eq!([found(None), found(Some("received"))].map(Option::unwrap_or_default), ["stored", "received"]);
    }
}
