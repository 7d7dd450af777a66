//! Servers that one test starts for itself, because it needs them configured in another way than the
//! shared ones.

mod mariadb;
mod rabbitmq;
mod redis;

pub use mariadb::{MariaDb, mariadb};
pub use rabbitmq::RabbitMq;
pub use redis::{Redis, redis};

use crate::folder::Temporary;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A server in a folder of its own. It is killed on drop.
pub struct Own {
    child: Child,
    pub folder: Temporary,
    pub port: u16,
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

impl Own {
    fn start(command: &mut Command, folder: Temporary, port: u16) -> Self {
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        let errors = log.try_clone().expect("a file");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("the server");
        Self { child, folder, port }
    }

    /// Waits until the server is ready.
    async fn until(&mut self, mut is_ready: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_ready() {
            let ended = self.child.try_wait().expect("a status");
            let waits = ended.is_none() && started.elapsed() < TIMEOUT;
            assert!(waits, "the server did not start: {ended:?} {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// Returns a port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().as_ref().map(SocketAddr::port).expect("an address")
}
