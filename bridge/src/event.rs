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
    traceparent: Option<String>,
    tracestate: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventKind {
    /// The result of a finished record.
    Result,
    /// The request of a record that came over HTTP, for the queue.
    Request,
}

impl Event {
    /// The message to publish. `correlation_id` is that of the request, where it came with a
    /// message.
    pub(crate) fn message(&self, correlation_id: Option<&str>) -> Message {
        let trace = self.traceparent.as_deref();
        Message {
            body: self.body.to_string().into(),
            properties: Properties::json(Some(&self.message_id), correlation_id),
            trace: trace.and_then(|traceparent| TraceContext::parse(traceparent, self.tracestate.as_deref())),
            headers: Headers::new(),
        }
    }
}
