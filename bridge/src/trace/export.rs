//! Exports spans to an OTLP collector over HTTP. A thread of the SDK collects and sends them;
//! nothing else waits for it, and spans are dropped while its queue is full.

use crate::http;
use crate::settings::{DEFAULT_SERVICE_NAME, TraceSettings};
use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use rustls::ClientConfig;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

/// Why no exporter could be made. The messages contain no values of settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("cannot make the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the OpenTelemetry SDK rejected the settings OTEL_EXPORTER_OTLP_*")]
    Exporter,
}

/// Returns a provider whose spans are exported as the variables `OTEL_*` say. The SDK reads most of
/// them itself.
pub(super) fn provider(settings: &TraceSettings, tls: &ClientConfig) -> Result<SdkTracerProvider, ExportError> {
    let http = http::client(tls).timeout(settings.timeout).redirect(reqwest::redirect::Policy::none()).build()?;
    let collector = Collector { http, runtime: Handle::current(), unreachable: AtomicBool::new(false) };
    let exporter = SpanExporter::builder().with_http().with_http_client(collector).build();
    let exporter = exporter.map_err(|_| ExportError::Exporter)?;
    let resource = resource(settings.service_name.clone());
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn resource(service_name: Option<String>) -> Resource {
    let own = [("service.name", DEFAULT_SERVICE_NAME), ("service.version", env!("CARGO_PKG_VERSION"))];
    let resource = Resource::builder_empty()
        .with_attributes(own.map(|(key, value)| KeyValue::new(key, value)))
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match service_name {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

/// The HTTP client that the exporter's thread uses.
#[derive(Debug)]
struct Collector {
    http: reqwest::Client,
    /// The exporter's thread belongs to no runtime, and the client needs one.
    runtime: Handle,
    /// Whether the last export failed. Only changes are logged.
    unreachable: AtomicBool,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move { http.send_bytes(request).await });
        let response = sent.await.map_err(HttpError::from).and_then(|response| response);
        self.log_change(&response);
        response
    }
}

impl Collector {
    /// Logs the first failed export, and the first successful one after it.
    fn log_change(&self, response: &Result<Response<Bytes>, HttpError>) {
        let cause = match response {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("the collector answered {}", response.status().as_u16())),
            Err(error) => Some(cause(error).to_owned()),
        };
        match (&cause, self.unreachable.swap(cause.is_some(), Ordering::Relaxed)) {
            (Some(cause), false) => tracing::warn!(cause, "spans are not exported"),
            (None, true) => tracing::info!("spans are exported again"),
            (Some(_), true) | (None, false) => {}
        }
    }
}

/// Describes an error without the collector's URL, which may hold a password.
fn cause(error: &HttpError) -> &'static str {
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => "the collector did not answer in time",
        Some(error) if error.is_connect() => "no connection to the collector",
        Some(_) | None => "the request to the collector failed",
    }
}
