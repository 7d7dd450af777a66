//! The spans of a message, in the trace that it came with (W3C Trace Context), exported over OTLP.
//!
//! Without a collector there are no spans, and messages keep their trace context.
//!
//! A span holds names of queues, statuses and a [`Fault`], and nothing that others can choose: no
//! message ids, citizen ids, URLs, tokens or bodies. The `tracestate` of a message is passed on: it
//! belongs to the trace.

mod attributes;
mod export;
mod fault;

pub(crate) use export::ExportError;
pub(crate) use fault::Fault;

use crate::job::Job;
use crate::message::{Message, trace_headers};
use crate::settings::{RunSettings, TraceSettings};
use attributes::{destination, messaging, server, server_of};
use connectivity_domain::trace::TraceContext;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use rustls::ClientConfig;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Exports the spans of all jobs, if a collector is configured.
pub(crate) struct Exporter(Option<SdkTracerProvider>);

/// Makes the spans of a job, if a collector is configured.
#[derive(Clone)]
pub(crate) struct Tracer(Option<Arc<Recorder>>);

struct Recorder {
    tracer: SdkTracer,
    exchange: String,
    queue: String,
    /// The attributes of all `process` spans.
    deliveries: Vec<KeyValue>,
    /// The attributes of all calls of the components.
    calls: Vec<KeyValue>,
}

impl Exporter {
    pub(crate) fn new(settings: Option<&TraceSettings>, tls: &ClientConfig) -> Result<Self, ExportError> {
        settings.map(|settings| export::provider(settings, tls)).transpose().map(Self)
    }

    /// Returns what makes the spans of a job.
    pub(crate) fn tracer(&self, settings: &RunSettings, job: &Job) -> Tracer {
        let Some(provider) = &self.0 else { return Tracer(None) };
        let (exchange, queue, routing_key) = (settings.amqp.exchange.clone(), job.queue.clone(), &job.routing_key);
        let mut deliveries =
            messaging("process", destination(&[&exchange, routing_key, &queue]), routing_key.to_owned());
        let (host, port) = settings.amqp.server.address();
        deliveries.extend(server(host, Some(port)));
        let mut calls = vec![KeyValue::new("http.request.method", "POST")];
        calls.extend(server_of(&settings.components_url));
        let tracer = provider.tracer("connectivity-bridge");
        Tracer(Some(Arc::new(Recorder { tracer, exchange, queue, deliveries, calls })))
    }

    /// Exports the remaining spans.
    pub(crate) async fn flush(self, timeout: Duration) {
        let Some(provider) = self.0 else { return };
        // This blocks until the exporter's thread is done, which needs the runtime.
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(timeout)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the last spans were not exported");
        }
    }
}

impl Tracer {
    #[cfg(test)]
    pub(crate) fn disabled() -> Self {
        Self(None)
    }

    /// Starts the span of processing a message. A message without a trace gets a new one, and keeps
    /// it when it is sent to another queue.
    pub(crate) fn process(&self, message: &mut Message) -> Span {
        let Some(recorder) = &self.0 else { return Span(None) };
        let builder = SpanBuilder::from_name(format!("process {}", recorder.queue))
            .with_kind(SpanKind::Consumer)
            .with_attributes(recorder.deliveries.clone());
        let span = Span::start(recorder, builder, &context(message.trace.as_ref()));
        if message.trace.is_none() {
            message.trace = span.trace();
        }
        span
    }

    /// Starts the span of publishing a message of this trace.
    pub(crate) fn send(&self, routing_key: &str, trace: Option<&TraceContext>) -> Span {
        let Some(recorder) = &self.0 else { return Span(None) };
        Span::sending(recorder, routing_key, &context(trace))
    }
}

/// A span, or nothing if no collector is configured. It ends when it is dropped.
pub(crate) struct Span(Option<(Arc<Recorder>, Context)>);

impl Span {
    /// Starts the span of calling the components at this path, as a child.
    pub(crate) fn call(&self, path: &str) -> Self {
        let Some((recorder, context)) = &self.0 else { return Self(None) };
        let mut attributes = recorder.calls.clone();
        attributes.push(KeyValue::new("url.template", path.to_owned()));
        let builder =
            SpanBuilder::from_name(format!("POST {path}")).with_kind(SpanKind::Client).with_attributes(attributes);
        Self::start(recorder, builder, context)
    }

    /// Starts the span of publishing a message, as a child.
    pub(crate) fn send(&self, routing_key: &str) -> Self {
        let Some((recorder, context)) = &self.0 else { return Self(None) };
        Self::sending(recorder, routing_key, context)
    }

    /// The trace context of what is sent under this span.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        let (_, context) = self.0.as_ref()?;
        let mut headers = HashMap::new();
        TraceContextPropagator::new().inject_context(context, &mut headers);
        TraceContext::parse(headers.get("traceparent")?, headers.get("tracestate").map(String::as_str))
    }

    pub(crate) fn set_http_status(&self, status: u16) {
        if let Some((_, context)) = &self.0 {
            context.span().set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        }
    }

    /// Marks the span as failed if there is a fault.
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        if let (Some((_, context)), Some(fault)) = (&self.0, fault) {
            context.span().set_attribute(KeyValue::new("error.type", fault.as_str()));
            context.span().set_status(Status::error(fault.as_str()));
        }
    }

    fn start(recorder: &Arc<Recorder>, builder: SpanBuilder, parent: &Context) -> Self {
        let span = recorder.tracer.build_with_context(builder, parent);
        Self(Some((Arc::clone(recorder), parent.with_span(span))))
    }

    fn sending(recorder: &Arc<Recorder>, routing_key: &str, parent: &Context) -> Self {
        let destination = destination(&[&recorder.exchange, routing_key]);
        let builder = SpanBuilder::from_name(format!("send {routing_key}"))
            .with_kind(SpanKind::Producer)
            .with_attributes(messaging("send", destination, routing_key.to_owned()));
        Self::start(recorder, builder, parent)
    }
}

/// Returns the context whose active span is the parent in `trace`.
fn context(trace: Option<&TraceContext>) -> Context {
    let headers = trace_headers(trace).map(|(name, value)| (name.to_owned(), value.to_owned()));
    TraceContextPropagator::new().extract_with_context(&Context::new(), &headers.collect::<HashMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_keeps_trace_and_state() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::parse(parent, Some("a=1,b=2"));
        let context = context(trace.as_ref());
        let mut headers = HashMap::new();
        TraceContextPropagator::new().inject_context(&context, &mut headers);
        assert_eq!((headers["traceparent"].as_str(), headers["tracestate"].as_str()), (parent, "a=1,b=2"));
        assert!(!super::context(None).has_active_span());
    }

    #[test]
    fn without_a_collector_messages_stay_as_they_are() {
        let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None);
        for trace in [trace, None] {
            let mut message = Message { trace: trace.clone(), ..Message::default() };
            let span = Tracer(None).process(&mut message);
            assert_eq!(message.trace, trace);
            assert_eq!((span.call("/path").trace(), span.send("key").trace()), (None, None));
        }
    }
}
