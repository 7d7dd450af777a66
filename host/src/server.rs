//! The HTTP server: accepts connections, dispatches requests to components, and drains on shutdown.

use crate::application::Application;
use crate::cli::Options;
use crate::engine::{Busy, handle};
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use wasmtime_wasi_http::handler::{ExpirationError, InstantiationError};
use wasmtime_wasi_http::{Error, WasiBody};

/// The time limit for receiving the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until SIGTERM or SIGINT.
///
/// After SIGTERM it accepts requests for `--drain` more, and closes each connection with the response
/// on it: a proxy that is just sending a request over a kept connection loses it if the connection is
/// closed under it. Then the requests in progress have `--grace` to finish. SIGINT, or a second one,
/// ends each of these phases.
pub(crate) async fn run(application: Application, options: &Options) -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let unavailable = |cause: std::io::Error| {
        let what = format!("cannot listen on {} ({cause}): free the port or pass another --listen", options.listen);
        std::io::Error::new(cause.kind(), what)
    };
    let listener = TcpListener::bind(options.listen).await.map_err(unavailable)?;
    let address = listener.local_addr()?;
    announce(address, &application)?;
    let application = Arc::new(application);
    let connections = GracefulShutdown::new();
    let draining = Arc::new(AtomicBool::new(false));
    let mut drained = pin!(tokio::time::sleep(Duration::MAX));
    loop {
        tokio::select! {
            // On Ctrl-C the terminal sends SIGINT to this process and to `xtask up`, which forwards
            // it as SIGTERM. The SIGINT is taken first, so that it does not count as the second
            // one.
            biased;
            _ = interrupted.recv() => break,
            _ = terminated.recv(), if !draining.load(Ordering::Relaxed) => {
                draining.store(true, Ordering::Relaxed);
                drained.as_mut().reset(Instant::now() + options.drain);
            }
            () = drained.as_mut(), if draining.load(Ordering::Relaxed) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let server = Server { application: Arc::clone(&application), address, draining: Arc::clone(&draining) };
                    serve(stream, client, server, &connections);
                }
                // For example out of file descriptors. The pause lets open connections finish.
                Err(error) => {
                    eprintln!("connectivity-host: accept: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    tokio::select! {
        () = connections.shutdown() => {}
        () = tokio::time::sleep(options.grace) => {
            eprintln!("connectivity-host: requests were still in progress after the grace period (--grace)");
        }
        _ = interrupted.recv() => {}
    }
    Ok(())
}

fn announce(address: SocketAddr, application: &Application) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Serving http://{address}")?;
    for (route, component) in application.routes.all() {
        writeln!(out, "  {route} -> {component}")?;
    }
    out.flush()
}

/// What each connection is served with.
#[derive(Clone)]
struct Server {
    application: Arc<Application>,
    address: SocketAddr,
    /// Set after SIGTERM: responses close their connections.
    draining: Arc<AtomicBool>,
}

fn serve(stream: TcpStream, client: SocketAddr, server: Server, connections: &GracefulShutdown) {
    // An error here means that the client is gone, which the connection reports as well.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let server = server.clone();
        async move {
            let mut response = respond(&server.application, request, client, server.address).await;
            if server.draining.load(Ordering::Relaxed) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // A client that has ended its side of the connection still waits for the response.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // An error means that the client closed early or did not send HTTP.
        let _ = connection.await;
    });
}

async fn respond(
    application: &Application,
    request: Request<Incoming>,
    client: SocketAddr,
    address: SocketAddr,
) -> Response<WasiBody> {
    let path = request.uri().path();
    if path.trim_end_matches('/') == "/.well-known/spin/health" {
        return plain(StatusCode::OK, "OK");
    }
    if path.trim_end_matches('/') == "/.well-known/spin/info" {
        let info = serde_json::json!({"name": application.name, "version": application.version});
        return plain(StatusCode::OK, info.to_string());
    }
    let Some((route, component)) = application.routes.find(path) else {
        return plain(StatusCode::NOT_FOUND, "");
    };
    let Some(handler) = application.handlers.get(component) else {
        return plain(StatusCode::NOT_FOUND, "");
    };
    let component = component.to_owned();
    let Some(request) = prepare(request, route, client, address) else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    match handle(handler, request.map(|body| body.map_err(Error::from).boxed_unsync())).await {
        Ok(response) => response,
        Err(error) if error.is::<ExpirationError>() => {
            eprintln!("connectivity-host: component {component}: a request exceeded --request-timeout");
            plain(StatusCode::GATEWAY_TIMEOUT, "")
        }
        Err(error) if is_busy(&error) => {
            eprintln!("connectivity-host: component {component}: {Busy}");
            plain(StatusCode::SERVICE_UNAVAILABLE, "")
        }
        Err(error) => {
            eprintln!("connectivity-host: component {component} failed: {error:#}");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

fn is_busy(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<InstantiationError<()>>().is_some_and(|error| error.error.is::<Busy>())
}

/// Sets the absolute URI and the headers that Spin sets. `None`: the `Host` header is invalid.
fn prepare(
    mut request: Request<Incoming>,
    route: &str,
    client: SocketAddr,
    address: SocketAddr,
) -> Option<Request<Incoming>> {
    let authority = match request.headers().get(http::header::HOST) {
        Some(host) => host.to_str().ok()?.to_owned(),
        None => address.to_string(),
    };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    *request.uri_mut() = Uri::builder().scheme("http").authority(authority).path_and_query(path).build().ok()?;
    request.headers_mut().remove(http::header::HOST);
    // Spin appends these headers to those of the same name that the client sent.
    request.headers_mut().append("spin-matched-route", HeaderValue::from_str(route).ok()?);
    request.headers_mut().append("spin-client-addr", HeaderValue::from_str(&client.to_string()).ok()?);
    Some(request)
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<WasiBody> {
    let body = Full::new(text.into()).map_err(Error::from).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
