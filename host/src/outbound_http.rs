//! HTTP requests that components send: only to allowed hosts, and each over a connection of its own.

use crate::allowed_hosts::AllowedHosts;
use http_body_util::BodyExt;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

/// The client that all components share.
pub(crate) type SharedClient = Client<HttpsConnector<HttpConnector>, WasiBody>;

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The suffix of the host names by which the components of the application call each other.
const INTERNAL_SUFFIX: &str = ".spin.internal";

/// Has a component of the application answer a request. A function, so that this module need not
/// know the engine.
pub(crate) type Dispatch = Arc<dyn Fn(http::Request<WasiBody>) -> Dispatched + Send + Sync>;

type Dispatched = Pin<Box<dyn Future<Output = Result<http::Response<WasiBody>>> + Send>>;

/// The components of the application by id, for requests from one to another. Empty until all are
/// loaded.
#[derive(Clone, Default)]
pub(crate) struct Internal(Arc<OnceLock<BTreeMap<String, Dispatch>>>);

impl Internal {
    /// Sets the components. Later calls have no effect.
    pub(crate) fn connect(&self, components: BTreeMap<String, Dispatch>) {
        self.0.get_or_init(|| components);
    }

    /// Returns the component that a host name stands for, or `None` for a host outside of the
    /// application.
    fn find(&self, host: &str) -> Option<Result<Dispatch>> {
        let id = host.strip_suffix(INTERNAL_SUFFIX)?;
        let component = self.0.get().and_then(|components| components.get(id)).cloned();
        Some(component.ok_or(Error::DestinationUnavailable))
    }
}

/// The HTTP client of one component.
#[derive(Clone)]
pub(crate) struct OutboundHttp {
    client: SharedClient,
    allowed: AllowedHosts,
    internal: Internal,
}

/// Returns the client that all components share.
///
/// It uses no connection twice. A server that sends more responses than it got requests would
/// otherwise have its surplus one taken for the answer to the next request: on a kept connection, a
/// response that arrives after that request was sent cannot be distinguished from the response to
/// it. So a citizen would get the verdict on another one.
pub(crate) fn client() -> SharedClient {
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_webpki_roots();
    let mut plain = HttpConnector::new();
    plain.set_nodelay(true);
    plain.enforce_http(false);
    plain.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = connector.https_or_http().enable_http1().wrap_connector(plain);
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

impl OutboundHttp {
    pub(crate) fn new(client: SharedClient, allowed: AllowedHosts, internal: Internal) -> Self {
        Self { client, allowed, internal }
    }

    /// Returns whether the component may connect to `address`.
    pub(crate) fn allows(&self, address: &str) -> bool {
        self.allowed.allows(address)
    }
}

/// The work that remains after the head of a response: none, because the body drives the
/// connection.
type Io = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttpHooks for OutboundHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io)>> + Send> {
        let allowed = self.allows(&request.uri().to_string());
        let client = self.client.clone();
        let internal = request.uri().host().and_then(|host| self.internal.find(host));
        let first_byte = options.and_then(|options| options.first_byte_timeout);
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            if let Some(dispatch) = internal {
                let response = dispatch?(request).await?;
                return Ok((response, Box::new(async { Ok(()) }) as Io));
            }
            let response = client.request(request);
            let response = match first_byte {
                Some(limit) => tokio::time::timeout(limit, response).await.map_err(|_| Error::ConnectionReadTimeout)?,
                None => response.await,
            };
            let response = response.map_err(|error| translate(&error))?;
            let body = |body: hyper::body::Incoming| body.map_err(Error::from).boxed_unsync();
            Ok((response.map(body), Box::new(async { Ok(()) }) as Io))
        })
    }
}

/// Returns the WASI error for a failure of the client, by the I/O error that caused it.
fn translate(error: &hyper_util::client::legacy::Error) -> Error {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return translate_io(error);
        }
        cause = error.source();
    }
    if error.is_connect() { Error::DestinationUnavailable } else { Error::ConnectionTerminated }
}

fn translate_io(error: &io::Error) -> Error {
    // The connector wraps the I/O error of the TLS library (InvalidData) in another I/O error.
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        return translate_io(inner);
    }
    match error.kind() {
        io::ErrorKind::InvalidData => Error::TlsProtocolError,
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        _ => Error::ConnectionTerminated,
    }
}
