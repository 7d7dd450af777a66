//! A registry that speaks HTTP/1.1 badly, byte by byte. [`behaviours::table`] lists the ways.

pub mod behaviours;

use behaviours::{Behaviour, Step};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the connections share.
struct State {
    behaviour: Mutex<Option<Behaviour>>,
    /// The number of requests that were read under the behaviour.
    asked: Mutex<usize>,
}

/// A running registry. It stops on drop.
pub struct RawRegistry {
    address: SocketAddr,
    state: Arc<State>,
    /// Counts the changes of the behaviour. Each closes the open connections.
    changes: watch::Sender<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for RawRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RawRegistry {
    /// Starts a registry that behaves well.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { behaviour: Mutex::default(), asked: Mutex::default() });
        let (changes, seen) = watch::channel(0);
        let task = tokio::spawn(accept(listener, Arc::clone(&state), seen));
        Ok(Self { address, state, changes, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Behaves in this way from now on; well if it is `None`. Open connections are closed.
    pub fn behave(&self, behaviour: Option<Behaviour>) {
        *lock(&self.state.behaviour) = behaviour;
        *lock(&self.state.asked) = 0;
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Returns how many times the behaviour was met: connections for one that does not read requests,
    /// else requests.
    pub fn asked(&self) -> usize {
        *lock(&self.state.asked)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, changes: watch::Receiver<usize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (state, mut changes) = (Arc::clone(&state), changes.clone());
        changes.mark_unchanged();
        tokio::spawn(async move {
            // Without it answers are later. An ended connection needs no care.
            let _ = stream.set_nodelay(true);
            tokio::select! {
                _ = changes.changed() => {}
                _ = serve(stream, &state) => {}
            }
        });
    }
}

/// Serves one connection until it ends.
async fn serve(mut stream: TcpStream, state: &State) -> io::Result<()> {
    let on_accept = lock(&state.behaviour).as_ref().and_then(|behaviour| behaviour.on_accept.clone());
    if let Some(steps) = on_accept {
        *lock(&state.asked) += 1;
        return play(&mut stream, &steps).await.map(|_| ());
    }
    let mut calls = 0;
    while let Some(request) = read_request(&mut stream).await? {
        let behaviour = lock(&state.behaviour).clone();
        let Some(behaviour) = behaviour else {
            stream.write_all(&well(&request)).await?;
            continue;
        };
        let call = {
            let mut asked = lock(&state.asked);
            *asked += 1;
            *asked - 1
        };
        calls += 1;
        let steps = &behaviour.on_request[call % behaviour.on_request.len()];
        if play(&mut stream, steps).await? == After::Ended {
            break;
        }
        assert!(calls < 10_000, "a connection of the test sends too much");
    }
    Ok(())
}

/// Reads a request with its body, and returns its first line; `None` at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let chunked = head.contains("transfer-encoding: chunked");
            let is_whole =
                if chunked { bytes.ends_with(b"0\r\n\r\n") } else { bytes.len() >= end + 4 + length.unwrap_or(0) };
            if is_whole {
                let first = String::from_utf8_lossy(&bytes[..end]);
                return Ok(first.lines().next().map(str::to_owned));
            }
        }
        match stream.read(&mut buffer).await? {
            0 => return Ok(None),
            count => bytes.extend(&buffer[..count]),
        }
    }
}

/// Returns the answer of a registry that works: documents are authentic, and citizens with an even
/// id belong to no operator.
fn well(request: &str) -> Vec<u8> {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let eligible = request.starts_with("GET ") && path.as_bytes().last().is_some_and(|digit| digit % 2 == 0);
    if eligible { behaviours::FREE.into() } else { behaviours::affiliated().into_bytes() }
}

#[derive(PartialEq, Eq)]
enum After {
    /// The connection takes another request.
    KeptAlive,
    Ended,
}

async fn play(stream: &mut TcpStream, steps: &[Step]) -> io::Result<After> {
    for step in steps {
        match step {
            Step::Send(text) => stream.write_all(text.as_bytes()).await?,
            Step::Drip(text, pause) => {
                for byte in text.bytes() {
                    stream.write_u8(byte).await?;
                    tokio::time::sleep(*pause).await;
                }
            }
            Step::Flood(text, times) => {
                for _ in 0..*times {
                    stream.write_all(text.as_bytes()).await?;
                }
            }
            Step::Wait(pause) => tokio::time::sleep(*pause).await,
            Step::Hang => std::future::pending().await,
            Step::Close => return Ok(After::Ended),
            Step::Reset => {
                stream.set_zero_linger()?;
                return Ok(After::Ended);
            }
        }
    }
    Ok(After::KeptAlive)
}
