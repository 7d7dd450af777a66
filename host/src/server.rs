//! HTTP in: accepts connections, finds the component, and lets what is in work finish at the end.

use crate::application::Application;
use crate::cli::Options;
use bytes::Bytes;
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
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use wasmtime_wasi_http::handler::ExpirationError;
use wasmtime_wasi_http::{Error, WasiBody};

/// How long a client may take over its request's head.
const HEAD: Duration = Duration::from_secs(30);

/// Serves until SIGTERM or SIGINT, then finishes what is in work, until a second SIGINT at the latest.
pub(crate) async fn run(application: Application, options: &Options) -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let unavailable = |cause: std::io::Error| {
        let what = format!("{} cannot be listened on ({cause}): free it, or give another --listen", options.listen);
        std::io::Error::new(cause.kind(), what)
    };
    let listener = TcpListener::bind(options.listen).await.map_err(unavailable)?;
    let address = listener.local_addr()?;
    announce(address, &application)?;
    let application = Arc::new(application);
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            // `up` hands on as SIGTERM what the terminal has sent to both as SIGINT: the SIGINT counts, and not as a second.
            biased;
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => serve(stream, client, address, &application, &connections),
                // Out of file descriptors, say: what is open may finish meanwhile.
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
            eprintln!("connectivity-host: requests were still in work after the grace time");
        }
        // A second Ctrl-C means now.
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

fn serve(
    stream: TcpStream,
    client: SocketAddr,
    address: SocketAddr,
    application: &Arc<Application>,
    connections: &GracefulShutdown,
) {
    // A client that is gone already shows when it is written to.
    let _ = stream.set_nodelay(true);
    let application = Arc::clone(application);
    let service = service_fn(move |request| {
        let application = Arc::clone(&application);
        async move { Ok::<_, Infallible>(answer(&application, request, client, address).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // The client's affair: it closed early, or spoke no HTTP.
        let _ = connection.await;
    });
}

async fn answer(
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
    if request.headers().values().any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
        // So does Spin, before any component hears of it.
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "");
    }
    let component = component.to_owned();
    let Some(request) = prepare(request, route, client, address) else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    match handler.handle((), request.map(|body| body.map_err(Error::from).boxed_unsync())).await {
        Ok(response) => response,
        Err(error) if error.is::<ExpirationError>() => {
            eprintln!("connectivity-host: {component} took too long over a request");
            plain(StatusCode::GATEWAY_TIMEOUT, "")
        }
        Err(error) => {
            eprintln!("connectivity-host: {component} failed: {error:#}");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

/// Gives the request an absolute address, and the headers that Spin gives it.
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
    // As Spin does it: after those of the same name that the caller sent, not in their place.
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
