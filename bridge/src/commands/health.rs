//! `health`: asks the bridge on this machine whether it is ready, for container engines whose image has
//! no HTTP client.

use super::error::CommandError;
use crate::output::print_line;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Less than the time that container engines give a health check.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks the bridge that listens on this address.
pub(crate) async fn health(listen: SocketAddr) -> Result<(), CommandError> {
    let address = reachable(listen);
    let failed = |error| CommandError::Unreachable(address, error);
    let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build().map_err(failed)?;
    let response = http.get(format!("http://{address}/health/ready")).send().await.map_err(failed)?;
    let status = response.status();
    let state = response.text().await.map_err(failed)?;
    if status.is_success() {
        print_line!("{state}");
        return Ok(());
    }
    Err(CommandError::NotReady(state))
}

/// Returns an address that can be connected to: a bridge that listens on all addresses also listens on
/// the loopback address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Asks a server that answers once with this status.
    async fn ask(status: &'static str) -> Result<(), CommandError> {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let read = stream.read(&mut [0; 1024]).await.expect("a request");
            assert!(read > 0);
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            stream.write_all(answer.as_bytes()).await.expect("written");
        });
        let result = health(address).await;
        server.await.expect("no panic");
        result
    }

    #[tokio::test]
    async fn only_a_ready_bridge_is_healthy() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert!(ask("200 OK").await.is_ok());
        assert!(matches!(ask("503 Service Unavailable").await, Err(CommandError::NotReady(state)) if state == "{}"));
        let unused = TcpListener::bind("127.0.0.1:0").await.and_then(|it| it.local_addr()).expect("an address");
        assert!(matches!(health(unused).await, Err(CommandError::Unreachable(..))));
    }
}
