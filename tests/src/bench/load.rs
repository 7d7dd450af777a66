//! Generates load on a number of connections. Each sends its next request when the last one is
//! answered.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// One citizen in each request.
    Single,
    /// This many citizens in each request.
    Bulk(usize),
}

impl Requests {
    fn citizens(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Bulk(citizens) => citizens,
        }
    }
}

/// What a load consists of.
#[derive(Clone, Debug)]
pub struct Load {
    pub requests: Requests,
    /// Each request carries the next one of these tokens, and after the last one the first again.
    pub tokens: Vec<String>,
}

/// The result of a measurement.
pub struct Outcome {
    /// The number of citizens with a verdict per second.
    pub per_second: f64,
    /// The median latency.
    pub median: Duration,
    /// The 99th percentile of the latency.
    pub p99: Duration,
    /// The number of responses without all verdicts, and of broken connections.
    pub errors: usize,
    /// The number of all citizens with a verdict, those of the warm-up included.
    pub all: f64,
}

/// Sends affiliation checks on `connections` connections for `duration`, after one second of
/// warm-up.
pub async fn run(address: SocketAddr, connections: usize, load: &Load, duration: Duration) -> Outcome {
    let begin = Instant::now() + Duration::from_secs(1);
    let end = begin + duration;
    let workers: Vec<_> =
        (0..connections).map(|number| tokio::spawn(worker(address, load.clone(), number, begin, end))).collect();
    let mut sum = Answers::default();
    for worker in workers {
        let own = worker.await.expect("a worker");
        sum.latencies.extend(own.latencies);
        sum.errors += own.errors;
        sum.warm_up += own.warm_up;
    }
    let Answers { mut latencies, errors, warm_up } = sum;
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    let citizens = |requests: usize| f64::from(u32::try_from(requests * load.requests.citizens()).unwrap_or(u32::MAX));
    let (answered, all) = (citizens(latencies.len()), citizens(latencies.len() + warm_up));
    Outcome { per_second: answered / duration.as_secs_f64(), median: at(50), p99: at(99), errors, all }
}

/// What one connection got.
#[derive(Default)]
struct Answers {
    /// Of each request after the warm-up that was answered with all verdicts.
    latencies: Vec<Duration>,
    errors: usize,
    /// The number of requests during the warm-up.
    warm_up: usize,
}

async fn worker(
    address: SocketAddr,
    Load { requests, tokens }: Load,
    number: usize,
    begin: Instant,
    end: Instant,
) -> Answers {
    let (mut answers, mut sent) = (Answers::default(), 0);
    let mut sender = connect(address).await;
    while Instant::now() < end {
        let started = Instant::now();
        // Even numbers are eligible citizens, odd ones are affiliated.
        let citizen = 1_000_000 + number * 1_000_000 + sent % 1_000_000;
        let token = &tokens[(number + sent / requests.citizens()) % tokens.len()];
        sent += requests.citizens();
        let answered = sender.send_request(request(address, token, requests, citizen)).await;
        let has_verdicts = match answered {
            Ok(response) => {
                let is_success = response.status().as_u16() == 200;
                let body = response.into_body().collect().await.ok();
                body.map(|body| is_success && verdicts(&body.to_bytes()) == requests.citizens())
            }
            Err(_) => None,
        };
        if started < begin {
            answers.warm_up += 1;
            continue;
        }
        match has_verdicts {
            Some(true) => answers.latencies.push(started.elapsed()),
            Some(false) => answers.errors += 1,
            None => {
                answers.errors += 1;
                sender = connect(address).await;
            }
        }
    }
    answers
}

async fn connect(address: SocketAddr) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

/// Returns the number of verdicts in a response.
fn verdicts(body: &[u8]) -> usize {
    let name = b"\"is_eligible\"";
    body.windows(name.len()).filter(|window| window == name).count()
}

fn request(address: SocketAddr, token: &str, requests: Requests, citizen: usize) -> Request<Full<Bytes>> {
    let (path, body) = match requests {
        Requests::Single => ("/api/v1/affiliation/check/", format!("{{\"citizen_id\": \"{citizen}\"}}")),
        Requests::Bulk(citizens) => {
            let ids: Vec<_> = (citizen..citizen + citizens).map(|citizen| format!("\"{citizen}\"")).collect();
            ("/api/v1/affiliation/checks/", format!("{{\"citizen_ids\": [{}]}}", ids.join(",")))
        }
    };
    Request::post(path)
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("a request")
}
