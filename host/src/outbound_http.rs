//! HTTP requests of components: only to allowed hosts, over kept connections.

use crate::allowed_hosts::AllowedHosts;
use crate::engine::Instances;
use http_body_util::BodyExt;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wasmtime_wasi_http::handler::ProxyHandler;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

/// The client that all components share; it keeps connections.
pub(crate) type SharedClient = Client<HttpsConnector<HttpConnector>, WasiBody>;

/// How long a connection may take where the component does not say.
const CONNECT: Duration = Duration::from_secs(10);

/// What the host name of a component ends in, for the other components of the application.
const INTERNAL: &str = ".spin.internal";

/// The components of the application, for requests from one to another. They are known when all are loaded.
#[derive(Clone, Default)]
pub(crate) struct Internal(Arc<OnceLock<BTreeMap<String, ProxyHandler<Instances>>>>);

impl Internal {
    /// Makes the components known. Only the first call counts.
    pub(crate) fn connect(&self, handlers: BTreeMap<String, ProxyHandler<Instances>>) {
        self.0.get_or_init(|| handlers);
    }

    /// The component that a host name stands for: `None` for a name outside of the application.
    fn find(&self, host: &str) -> Option<Result<ProxyHandler<Instances>>> {
        let id = host.strip_suffix(INTERNAL)?;
        let handler = self.0.get().and_then(|handlers| handlers.get(id)).cloned();
        Some(handler.ok_or(Error::DestinationUnavailable))
    }
}

/// One component's way out.
#[derive(Clone)]
pub(crate) struct OutboundHttp {
    client: SharedClient,
    allowed: AllowedHosts,
    internal: Internal,
}

/// The shared client.
pub(crate) fn client() -> SharedClient {
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_webpki_roots();
    let mut plain = HttpConnector::new();
    plain.set_nodelay(true);
    plain.enforce_http(false);
    plain.set_connect_timeout(Some(CONNECT));
    let connector = connector.https_or_http().enable_http1().wrap_connector(plain);
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

impl OutboundHttp {
    pub(crate) fn new(client: SharedClient, allowed: AllowedHosts, internal: Internal) -> Self {
        Self { client, allowed, internal }
    }

    /// May this component connect to this address?
    pub(crate) fn allows(&self, address: &str) -> bool {
        self.allowed.allows(address)
    }
}

/// What goes on after the head of an answer: nothing, the body does it.
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
            if let Some(handler) = internal {
                let answer = handler?.handle((), request).await.map_err(|_| Error::ConnectionTerminated)?;
                return Ok((answer, Box::new(async { Ok(()) }) as Io));
            }
            let answer = client.request(request);
            let answer = match first_byte {
                Some(limit) => tokio::time::timeout(limit, answer).await.map_err(|_| Error::ConnectionReadTimeout)?,
                None => answer.await,
            };
            let answer = answer.map_err(|error| translate(&error))?;
            let body = |body: hyper::body::Incoming| body.map_err(Error::from).boxed_unsync();
            Ok((answer.map(body), Box::new(async { Ok(()) }) as Io))
        })
    }
}

/// What kind of failure it was, found in the chain of its causes.
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
    // The connector wraps the TLS library's error, which is InvalidData, into another one.
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
