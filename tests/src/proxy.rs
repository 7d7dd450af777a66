//! A TCP proxy in front of a server, to take the server away from one test without taking it from the others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Passes everything on.
    Open,
    /// Closes what is open and what comes.
    Cut,
}

/// A running proxy.
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
    /// A proxy to this address.
    ///
    /// # Errors
    /// No port can be opened.
    pub async fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, seen) = watch::channel(Mode::Open);
        let broken = Arc::new(tokio::sync::Notify::new());
        let task = tokio::spawn(accept(listener, target, seen, Arc::clone(&broken)));
        Ok(Self { address, mode, broken, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the server away: open connections are closed, new ones too.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Gives it back.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Breaks one of the open connections.
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
        // Only latency is at stake.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        // Either side may close at any time.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
