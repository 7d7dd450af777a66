//! Where spans go: an OTLP collector, over HTTP. A thread of the SDK's collects and sends them; if its queue is full, spans
//! are dropped. Nobody else ever waits for it.

use crate::settings::TraceSettings;
use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

/// What spans are said to come from, where `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say nothing.
const SERVICE: &str = "connectivity-bridge";

/// No exporter could be made. What it says has no values in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// No HTTP client.
    #[error("HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// The library does not take what `OTEL_*` says.
    #[error("there is no exporter for what OTEL_EXPORTER_OTLP_* says")]
    Exporter,
}

/// Makes spans and exports them, as the variables `OTEL_*` say; the SDK reads most of them itself.
pub(super) fn provider(settings: &TraceSettings) -> Result<SdkTracerProvider, ExportError> {
    let http = reqwest::Client::builder()
        .timeout(settings.timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    let collector = Collector { http, runtime: Handle::current(), away: AtomicBool::new(false) };
    let exporter = SpanExporter::builder().with_http().with_http_client(collector).build();
    let exporter = exporter.map_err(|_| ExportError::Exporter)?;
    let resource = resource(settings.service_name.clone());
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn resource(service_name: Option<String>) -> Resource {
    let own = [("service.name", SERVICE), ("service.version", env!("CARGO_PKG_VERSION"))];
    let resource = Resource::builder_empty()
        .with_attributes(own.map(|(key, value)| KeyValue::new(key, value)))
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match service_name {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

/// The collector, as the exporter's thread reaches it.
#[derive(Debug)]
struct Collector {
    http: reqwest::Client,
    /// That thread is none of the runtime's, and the client needs one.
    runtime: Handle,
    /// The last export failed, and that was said.
    away: AtomicBool,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move { http.send_bytes(request).await });
        let answer = sent.await.map_err(HttpError::from).and_then(|answer| answer);
        self.note(&answer);
        answer
    }
}

impl Collector {
    /// Says once that nothing is exported, and once that it goes on.
    fn note(&self, answer: &Result<Response<Bytes>, HttpError>) {
        let cause = match answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answered {}", answer.status().as_u16())),
            Err(error) => Some(cause(error).to_owned()),
        };
        match (&cause, self.away.swap(cause.is_some(), Ordering::Relaxed)) {
            (Some(cause), false) => tracing::warn!(cause, "spans are not exported"),
            (None, true) => tracing::info!("spans are exported again"),
            (Some(_), true) | (None, false) => {}
        }
    }
}

/// The error's own words tell the collector's URL, which may hold a password.
fn cause(error: &HttpError) -> &'static str {
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => "the collector did not answer in time",
        Some(error) if error.is_connect() => "no connection to the collector",
        Some(_) | None => "no answer of the collector",
    }
}
