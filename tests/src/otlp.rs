//! A collector of traces: OTLP over HTTP with protobuf, as the bridge exports them.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// An exported span. Ids are in hexadecimal, as in `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The resource attribute `service.name`.
    pub service: String,
    pub name: String,
    pub kind: SpanKind,
    pub trace: String,
    pub id: String,
    /// The id of the parent span. Empty for a root span.
    pub parent: String,
    /// The attributes, with every value as text.
    pub attributes: BTreeMap<String, String>,
    /// The description of the status, if the status is an error.
    pub failure: Option<String>,
}

type Exports = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A running collector. It stops on drop.
pub struct Collector {
    address: SocketAddr,
    exports: Exports,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collector {
    /// Starts a collector on a free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let exports = Exports::default();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&exports));
        let task = tokio::spawn(async move {
            // The server ends only when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, exports, task })
    }

    /// Returns the value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the spans so far.
    pub fn spans(&self) -> Vec<Recorded> {
        let exports = self.exports.lock().unwrap_or_else(PoisonError::into_inner);
        exports.iter().flat_map(record_all).collect()
    }

    /// Returns everything that was exported so far as text, to search it.
    pub fn everything(&self) -> String {
        format!("{:?}", self.exports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn receive(State(exports): State<Exports>, body: Bytes) -> StatusCode {
    let Ok(export) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    exports.lock().unwrap_or_else(PoisonError::into_inner).push(export);
    // An empty body is an empty ExportTraceServiceResponse: everything was accepted.
    StatusCode::OK
}

fn record_all(export: &ExportTraceServiceRequest) -> Vec<Recorded> {
    let mut all = Vec::new();
    for resource in &export.resource_spans {
        let its = resource.resource.as_ref().map(|resource| attributes(&resource.attributes)).unwrap_or_default();
        let service = its.get("service.name").cloned().unwrap_or_default();
        let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
        all.extend(spans.map(|span| record(service.clone(), span)));
    }
    all
}

fn record(service: String, span: &Span) -> Recorded {
    let failed = span.status.as_ref().filter(|status| status.code() == SpanStatus::Error);
    Recorded {
        service,
        name: span.name.clone(),
        kind: span.kind(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        attributes: attributes(&span.attributes),
        failure: failed.map(|status| status.message.clone()),
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    pairs.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
