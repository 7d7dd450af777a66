//! Requests to pods.

use crate::failure::{Failure, failed};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The status and the body of a response.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Sends a GET request, as a probe does.
pub(super) fn get(address: SocketAddr, path: &str, timeout: Duration) -> Result<Response, Failure> {
    send(address, &format!("GET {path} HTTP/1.0\r\nhost: connectivity\r\n\r\n"), timeout)
}

/// Sends a POST request. `headers` are lines that end with CRLF.
pub(super) fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> Result<Response, Failure> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.0\r\nhost: connectivity\r\ncontent-length: {length}\r\n{headers}\r\n");
    // Longer than the components ask the registry.
    send(address, &format!("{head}{body}"), Duration::from_mins(1))
}

/// HTTP/1.0, so that the body ends with the connection and needs no decoding.
fn send(address: SocketAddr, request: &str, timeout: Duration) -> Result<Response, Failure> {
    let mut response = String::new();
    let exchange = TcpStream::connect_timeout(&address, timeout).and_then(|mut stream| {
        stream.set_read_timeout(Some(timeout))?;
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut response)
    });
    exchange.map_err(failed(address.to_string()))?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Failure(format!("{address} gave no HTTP response")))?;
    Ok(Response { status, body: body.to_owned() })
}
