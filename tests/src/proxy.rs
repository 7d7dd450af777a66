//! A TCP proxy in front of a server, to make the server unavailable to one test and not to the
//! others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the proxy treats connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Forwards them.
    Open,
    /// Closes open connections and new ones.
    Cut,
}

/// A running proxy. It stops on drop.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
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
        let (mode, seen) = watch::channel(Mode::Open);
        let broken = Arc::new(tokio::sync::Notify::new());
        let task = tokio::spawn(accept(listener, target, seen, Arc::clone(&broken)));
        Ok(Self { address, mode, broken, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the server unavailable: open connections are closed, and new ones too.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Makes the server available again.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Closes one of the open connections.
    pub fn break_one(&self) {
        self.broken.notify_one();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    mode: watch::Receiver<Mode>,
    broken: Arc<tokio::sync::Notify>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let (mut mode, broken) = (mode.clone(), Arc::clone(&broken));
        if *mode.borrow_and_update() == Mode::Cut {
            continue;
        }
        tokio::spawn(async move {
            let passing = pass(client, target);
            tokio::select! {
                () = passing => {}
                _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
                () = broken.notified() => {}
            }
        });
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        // Without it the connection is slower, but works.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        // Either side may close at any time.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
