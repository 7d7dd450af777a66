//! Events, as the bridge gets them.

use crate::settings::ResultKeys;
use connectivity_domain::job::{Question, Record, Status};
use serde::Serialize;
use serde_json::Value;

/// The event of a record: its result, or its request as long as there is no result. The bridge reads
/// it in `bridge/src/event.rs`.
#[derive(Serialize)]
pub(crate) struct Event<'a> {
    id: &'a str,
    kind: &'static str,
    /// Null for a request: the bridge knows its routing key.
    routing_key: Option<&'a str>,
    message_id: String,
    body: Value,
    correlation_id: Option<&'a str>,
    reply_to: Option<&'a str>,
    traceparent: Option<&'a str>,
    tracestate: Option<&'a str>,
}

impl<'a> Event<'a> {
    pub(crate) fn new<Q: Question>(record: &'a Record<Q>, keys: &'a ResultKeys) -> Self {
        let (kind, routing_key, message_id, body) = match record.result() {
            Some(result) => {
                let key = if record.status == Status::Success { &keys.ready } else { &keys.failure };
                ("result", Some(key.as_str()), record.message_id.result_id(), result)
            }
            None => ("request", None, record.request_id(), record.request_event()),
        };
        let trace = record.trace.as_ref();
        Self {
            id: &record.id,
            kind,
            routing_key,
            message_id,
            body,
            correlation_id: record.correlation.id.as_deref(),
            reply_to: record.correlation.reply_to.as_deref(),
            traceparent: trace.map(|trace| trace.traceparent.as_str()),
            tracestate: trace.and_then(|trace| trace.tracestate.as_deref()),
        }
    }
}
