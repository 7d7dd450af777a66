//! Generates load on a number of connections. Each sends its next request when the last one is
//! answered.

use crate::client::token;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// The result of a measurement.
pub struct Outcome {
    /// The number of responses with status 200 per second.
    pub per_second: f64,
    /// The median latency.
    pub median: Duration,
    /// The 99th percentile of the latency.
    pub p99: Duration,
    /// The number of responses with another status, and of broken connections.
    pub errors: usize,
}

/// Sends affiliation checks on `connections` connections for `duration`, after one second of
/// warm-up.
pub async fn run(address: SocketAddr, connections: usize, duration: Duration) -> Outcome {
    let token = token();
    let begin = Instant::now() + Duration::from_secs(1);
    let end = begin + duration;
    let workers: Vec<_> =
        (0..connections).map(|number| tokio::spawn(worker(address, token.clone(), number, begin, end))).collect();
    let (mut latencies, mut errors) = (Vec::new(), 0);
    for worker in workers {
        let (own, failed) = worker.await.expect("a worker");
        latencies.extend(own);
        errors += failed;
    }
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    let answered = u32::try_from(latencies.len()).unwrap_or(u32::MAX);
    let per_second = f64::from(answered) / duration.as_secs_f64();
    Outcome { per_second, median: at(50), p99: at(99), errors }
}

async fn worker(
    address: SocketAddr,
    token: String,
    number: usize,
    begin: Instant,
    end: Instant,
) -> (Vec<Duration>, usize) {
    let (mut latencies, mut errors, mut sent) = (Vec::new(), 0, 0);
    let mut sender = connect(address).await;
    while Instant::now() < end {
        let started = Instant::now();
        // Even numbers are eligible citizens, odd ones are affiliated.
        let citizen = 1_000_000 + number * 1_000_000 + sent % 1_000_000;
        sent += 1;
        let answered = sender.send_request(request(address, &token, citizen)).await;
        let status = match answered {
            Ok(response) => {
                let status = response.status().as_u16();
                response.into_body().collect().await.ok().map(|_| status)
            }
            Err(_) => None,
        };
        if started < begin {
            continue;
        }
        match status {
            Some(200) => latencies.push(started.elapsed()),
            Some(_) => errors += 1,
            None => {
                errors += 1;
                sender = connect(address).await;
            }
        }
    }
    (latencies, errors)
}

async fn connect(address: SocketAddr) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

fn request(address: SocketAddr, token: &str, citizen: usize) -> Request<Full<Bytes>> {
    Request::post("/api/v1/affiliation/check/")
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(format!("{{\"citizen_id\": \"{citizen}\"}}"))))
        .expect("a request")
}
