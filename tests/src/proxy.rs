//! A TCP proxy on one link of the application, to make the link fail for one test and not for the
//! others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the proxy treats connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forwards them.
    Open,
    /// Closes open connections and new ones.
    Cut,
    /// Keeps open and new connections, and passes nothing until the mode changes.
    Stall,
    /// Passes everything this much later.
    Delay(Duration),
    /// Passes what the client sends, and drops what the server answers.
    LoseAnswers,
}

/// What all connections of a proxy share.
#[derive(Clone, Copy)]
struct State {
    mode: Mode,
    target: SocketAddr,
    /// Connections with a smaller number never pass a byte again.
    frozen_below: u64,
    /// Connections with a smaller number are closed.
    closed_below: u64,
}

/// A running proxy. It stops on drop.
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepted: Arc<AtomicU64>,
    broken: Arc<tokio::sync::Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Starts a proxy for this address on a free port.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(State { mode: Mode::Open, target, frozen_below: 0, closed_below: 0 });
        let (accepted, broken) = (Arc::<AtomicU64>::default(), Arc::<tokio::sync::Notify>::default());
        let task = tokio::spawn(accept(listener, seen, Arc::clone(&accepted), Arc::clone(&broken)));
        Ok(Self { address, state, accepted, broken, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Treats open and new connections in this way from now on.
    pub fn set(&self, mode: Mode) {
        self.state.send_modify(|state| state.mode = mode);
    }

    /// Makes the server unavailable: open connections are closed, and new ones too.
    pub fn cut(&self) {
        self.set(Mode::Cut);
    }

    /// Makes the server available again.
    pub fn restore(&self) {
        self.set(Mode::Open);
    }

    /// Lets the connections that are open now die silently: they stay open and never pass a byte
    /// again. New connections pass.
    pub fn freeze(&self) {
        let next = self.accepted();
        self.state.send_modify(|state| state.frozen_below = next);
    }

    /// Closes the connections that are open now. New connections pass.
    pub fn close(&self) {
        let next = self.accepted();
        self.state.send_modify(|state| state.closed_below = next);
    }

    /// Connects new connections with this server. Open connections stay with the old one.
    pub fn retarget(&self, target: SocketAddr) {
        self.state.send_modify(|state| state.target = target);
    }

    /// Closes one of the open connections.
    pub fn break_one(&self) {
        self.broken.notify_one();
    }

    /// Returns how many connections the proxy has accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

async fn accept(
    listener: TcpListener,
    state: watch::Receiver<State>,
    accepted: Arc<AtomicU64>,
    broken: Arc<tokio::sync::Notify>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let number = accepted.fetch_add(1, Ordering::Relaxed);
        let (mut ended, broken) = (state.clone(), Arc::clone(&broken));
        let link = Link { number, state: state.clone() };
        let target = link.state.borrow().target;
        tokio::spawn(async move {
            let closed = |state: &State| state.mode == Mode::Cut || number < state.closed_below;
            tokio::select! {
                biased;
                _ = ended.wait_for(closed) => {}
                () = pass(client, target, link) => {}
                () = broken.notified() => {}
            }
        });
    }
}

/// One connection, as its two directions see it.
#[derive(Clone)]
struct Link {
    number: u64,
    state: watch::Receiver<State>,
}

impl Link {
    /// Waits until bytes pass. `None`: the proxy has ended.
    async fn passing(&mut self) -> Option<Mode> {
        let number = self.number;
        let passes = |state: &State| state.mode != Mode::Stall && number >= state.frozen_below;
        self.state.wait_for(passes).await.ok().map(|state| state.mode)
    }
}

async fn pass(client: TcpStream, target: SocketAddr, link: Link) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    // Without it the connection is slower, but works.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // Either side may close at any time.
    let _ = tokio::try_join!(
        forward(from_client, to_server, link.clone(), Direction::Requests),
        forward(from_server, to_client, link, Direction::Answers)
    );
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Answers,
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut link: Link,
    direction: Direction,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        let Some(mode) = link.passing().await else { return Ok(()) };
        if count == 0 {
            return to.shutdown().await;
        }
        match mode {
            Mode::LoseAnswers if direction == Direction::Answers => continue,
            Mode::Delay(pause) => tokio::time::sleep(pause).await,
            Mode::Open | Mode::Cut | Mode::Stall | Mode::LoseAnswers => {}
        }
        to.write_all(&buffer[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a byte may take that passes, and how long is waited for one that must not.
    const PASSES: Duration = Duration::from_secs(5);
    const STAYS: Duration = Duration::from_millis(200);

    /// A server that answers each byte with this one.
    async fn server(answer: u8) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while stream.read_u8().await.is_ok() && stream.write_u8(answer).await.is_ok() {}
                });
            }
        });
        address
    }

    /// Returns what is answered to one more byte; `None` if nothing is.
    async fn ask(stream: &mut TcpStream, limit: Duration) -> Option<u8> {
        stream.write_u8(0).await.ok()?;
        tokio::time::timeout(limit, stream.read_u8()).await.ok()?.ok()
    }

    #[tokio::test]
    async fn each_mode_does_to_connections_what_it_says() {
        let proxy = Proxy::start(server(1).await).await.expect("a proxy");
        let connect = async || TcpStream::connect(proxy.address()).await.expect("a connection");
        let mut old = connect().await;
        assert_eq!(ask(&mut old, PASSES).await, Some(1));
        proxy.retarget(server(2).await);
        assert_eq!((ask(&mut old, PASSES).await, ask(&mut connect().await, PASSES).await), (Some(1), Some(2)));
        proxy.set(Mode::Stall);
        assert_eq!(ask(&mut old, STAYS).await, None);
        proxy.restore();
        assert_eq!(tokio::time::timeout(PASSES, old.read_u8()).await.expect("in time").expect("a byte"), 1);
        proxy.set(Mode::LoseAnswers);
        assert_eq!(ask(&mut old, STAYS).await, None);
        proxy.set(Mode::Delay(STAYS));
        let sent = std::time::Instant::now();
        assert_eq!(ask(&mut old, PASSES).await, Some(1));
        assert!(sent.elapsed() >= STAYS);
        proxy.restore();
        proxy.freeze();
        assert_eq!((ask(&mut old, STAYS).await, ask(&mut connect().await, PASSES).await), (None, Some(2)));
        let mut open = connect().await;
        assert_eq!(ask(&mut open, PASSES).await, Some(2));
        proxy.close();
        assert_eq!((ask(&mut open, PASSES).await, ask(&mut connect().await, PASSES).await), (None, Some(2)));
        proxy.cut();
        assert_eq!(ask(&mut connect().await, PASSES).await, None);
        assert_eq!(proxy.accepted(), 6);
    }
}
