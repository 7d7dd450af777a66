//! Traces: the spans of a message, in the trace that it came with (W3C Trace Context), exported over OTLP.
//!
//! Without an exporter there are no spans and nothing here does anything: headers go on as they came.
//!
//! What a span says is closed: names of queues, statuses, a [`Fault`]. Others choose what a message's id is, so it is left
//! out, like citizens' ids, URLs, tokens and bodies. A `tracestate` that came with it is passed on: it belongs to the trace.

mod export;
mod fault;
mod headers;

pub(crate) use export::ExportError;
pub(crate) use fault::Fault;

use crate::message::{Headers, Message};
use crate::settings::RunSettings;
use headers::{Reading, Writing};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::sync::Arc;
use std::time::Duration;

/// Makes spans, if anybody wants them.
#[derive(Clone)]
pub(crate) struct Tracer(Option<Arc<Recorder>>);

struct Recorder {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    exchange: String,
    queue: String,
    /// What is said of every delivery.
    deliveries: Vec<KeyValue>,
    /// What is said of every call of the components.
    calls: Vec<KeyValue>,
}

impl Tracer {
    /// One that makes spans where the settings name a collector.
    pub(crate) fn of(settings: &RunSettings) -> Result<Self, ExportError> {
        let Some(export) = &settings.traces else { return Ok(Self(None)) };
        let provider = export::provider(export)?;
        let (exchange, queue) = (settings.amqp.exchange.clone(), settings.amqp.queue.clone());
        let routing_key = settings.amqp.routing_key.clone();
        let mut deliveries = messaging("process", destination(&[&exchange, &routing_key, &queue]), routing_key);
        deliveries.extend(server(&settings.amqp.url));
        let mut calls = vec![KeyValue::new("http.request.method", "POST")];
        calls.extend(server(&settings.components_url));
        let tracer = provider.tracer("connectivity-bridge");
        Ok(Self(Some(Arc::new(Recorder { provider, tracer, exchange, queue, deliveries, calls }))))
    }

    /// The work on a message. One that came without a trace begins one, and keeps it wherever it is sent.
    pub(crate) fn process(&self, message: &mut Message) -> Span {
        let Some(recorder) = &self.0 else { return Span(None) };
        let parent = read(&message.headers);
        let builder = SpanBuilder::from_name(format!("process {}", recorder.queue))
            .with_kind(SpanKind::Consumer)
            .with_attributes(recorder.deliveries.clone());
        let span = Span::start(recorder, builder, &parent);
        if !parent.has_active_span() {
            span.write(&mut message.headers);
        }
        span
    }

    /// The publishing of a message that belongs to the trace in its headers.
    pub(crate) fn send(&self, routing_key: &str, headers: &Headers) -> Span {
        let Some(recorder) = &self.0 else { return Span(None) };
        Span::sending(recorder, routing_key, &read(headers))
    }

    /// Exports what has not been exported yet, but takes no longer than that.
    pub(crate) async fn flush(&self, patience: Duration) {
        let Some(recorder) = self.0.clone() else { return };
        // It waits for the exporter's thread, which needs this runtime.
        let flushed = tokio::task::spawn_blocking(move || recorder.provider.shutdown_with_timeout(patience)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the last spans were not exported");
        }
    }
}

/// A span, or nothing where nobody wants any. It ends when it is dropped.
pub(crate) struct Span(Option<(Arc<Recorder>, Context)>);

impl Span {
    /// None.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// The call of the components at this path, for this span.
    pub(crate) fn call(&self, path: &'static str) -> Self {
        let Some((recorder, context)) = &self.0 else { return Self(None) };
        let mut attributes = recorder.calls.clone();
        attributes.push(KeyValue::new("url.template", path));
        let builder =
            SpanBuilder::from_name(format!("POST {path}")).with_kind(SpanKind::Client).with_attributes(attributes);
        Self::start(recorder, builder, context)
    }

    /// The publishing of a message, for this span.
    pub(crate) fn send(&self, routing_key: &str) -> Self {
        let Some((recorder, context)) = &self.0 else { return Self(None) };
        Self::sending(recorder, routing_key, context)
    }

    /// Writes itself into the headers of what is sent, as its parent. If it is none, they stay as they are.
    pub(crate) fn write(&self, headers: &mut Headers) {
        if let Some((_, context)) = &self.0 {
            TraceContextPropagator::new().inject_context(context, &mut Writing(headers));
        }
    }

    /// What was answered.
    pub(crate) fn answered(&self, status: u16) {
        if let Some((_, context)) = &self.0 {
            context.span().set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        }
    }

    /// It failed, if there is a fault.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
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

fn read(headers: &Headers) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Reading(headers))
}

/// The attributes of everything with messages (OpenTelemetry's semantic conventions for RabbitMQ).
fn messaging(operation: &'static str, destination: String, routing_key: String) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", "rabbitmq"),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.destination.name", destination),
        KeyValue::new("messaging.rabbitmq.destination.routing_key", routing_key),
    ]
}

/// `exchange:routing key:queue`, each told once.
fn destination(names: &[&str]) -> String {
    let mut told: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
    told.dedup();
    told.join(":")
}

/// Host and port of a URL: the rest may hold a password.
fn server(url: &str) -> Vec<KeyValue> {
    let Ok(url) = reqwest::Url::parse(url) else { return Vec::new() };
    let host = url.host_str().map(|host| KeyValue::new("server.address", host.to_owned()));
    let port = url.port_or_known_default().map(|port| KeyValue::new("server.port", i64::from(port)));
    host.into_iter().chain(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_tells_each_name_once() {
        assert_eq!(destination(&["x", "requested", "requested"]), "x:requested");
        assert_eq!(destination(&["x", "requested", "q"]), "x:requested:q");
        assert_eq!(destination(&["", "q", "q"]), "q");
    }

    #[test]
    fn of_a_url_only_host_and_port_are_told() {
        let told = |url| server(url).iter().map(|told| told.value.to_string()).collect::<Vec<_>>();
        assert_eq!(told("amqp://me:secret@host:5672/v"), ["host", "5672"]);
        assert_eq!(told("https://me:secret@host/path?query"), ["host", "443"]);
        assert_eq!(told("nonsense"), [""; 0]);
    }

    #[test]
    fn without_an_exporter_headers_stay_as_they_came() {
        let mut message = Message::default();
        message.headers.insert("traceparent".into(), "whatever it is".into());
        let before = message.clone();
        let span = Tracer(None).process(&mut message);
        span.call("/path").write(&mut message.headers);
        span.send("key").write(&mut message.headers);
        assert_eq!(message, before);
    }
}
