//! HTTP requests over connections that are used once.
//!
//! A server that sends more responses than it got requests would otherwise have its surplus one taken
//! for the answer to the next request: on a kept connection, a response that arrives after that
//! request was sent cannot be distinguished from the response to it. So a citizen would get the
//! verdict on another one.

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, handshake};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use std::error::Error as StdError;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;
use wasmtime_wasi_http::{Error, Result, WasiBody};

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

type Driver = Pin<Box<Connection<MaybeHttpsStream<TokioIo<TcpStream>>, WasiBody>>>;

/// A client that opens a connection for each request.
#[derive(Clone)]
pub(crate) struct SingleUse(HttpsConnector<HttpConnector>);

impl SingleUse {
    pub(crate) fn new(tls: ClientConfig) -> Self {
        let mut plain = HttpConnector::new();
        plain.set_nodelay(true);
        plain.enforce_http(false);
        plain.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls);
        Self(connector.https_or_http().enable_http1().wrap_connector(plain))
    }

    /// Sends a request, and returns the response once its head has arrived.
    pub(crate) async fn send(mut self, mut request: Request<WasiBody>) -> Result<Response<DrivenBody>> {
        let uri = std::mem::take(request.uri_mut());
        let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        request.headers_mut().insert(HOST, host.ok_or(Error::HttpRequestUriInvalid)?);
        // The server closes the connection, so that no port of this machine waits for late packets.
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        *request.uri_mut() = uri.path_and_query().map_or_else(Uri::default, |path| Uri::from(path.clone()));
        let connecting = self.0.call(uri).await;
        let stream = connecting.map_err(|error| translate(&*error, Error::DestinationUnavailable))?;
        let failed = |error: hyper::Error| translate(&error, Error::ConnectionTerminated);
        let (mut sender, connection) = handshake(stream).await.map_err(failed)?;
        let mut connection = Box::pin(connection);
        let mut sending = pin!(sender.send_request(request));
        let (head, driver) = tokio::select! {
            head = &mut sending => (head, Some(connection)),
            _ = &mut connection => (sending.await, None),
        };
        Ok(head.map_err(failed)?.map(|body| DrivenBody { body, driver }))
    }
}

/// The body of a response. Reading it drives the connection, and dropping it closes the connection.
pub(crate) struct DrivenBody {
    body: Incoming,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
}

impl Body for DrivenBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        // An error of the connection arrives as one of the body.
        if self.driver.as_mut().is_some_and(|driver| driver.as_mut().poll(context).is_ready()) {
            self.driver = None;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Returns the WASI error for a failure, by the I/O error that caused it; `other` if none did.
fn translate(error: &(dyn StdError + 'static), other: Error) -> Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return translate_io(error);
        }
        cause = error.source();
    }
    other
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
