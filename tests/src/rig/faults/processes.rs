//! Processes that are killed, ended or kept busy.

use crate::rig::Rig;
use crate::servers::Servers;
use std::process::Command;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The number of callers that send their body slowly.
const SLOW: usize = 600;

/// How long a process runs again before it is killed the second time.
const RECOVERY: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Kills these, one right after the other, and starts them again.
    Kill(&'static [&'static str]),
    /// Starts a second host, sends the callers there, and ends the first one.
    Replace,
    /// Many callers without a token send the head of a request, and a byte of its body at a time.
    SlowBodies,
}

impl Action {
    pub(super) async fn begin(self, rig: &mut Rig) {
        match self {
            Self::Kill(victims) => kill(rig, victims).await,
            Self::Replace => rig.pipeline.replace_host().await,
            Self::SlowBodies => {
                let address = rig.pipeline.host.address();
                for _ in 0..SLOW {
                    if let Ok(stream) = TcpStream::connect(address).await {
                        tokio::spawn(send_slowly(stream));
                    }
                }
            }
        }
    }
}

async fn send_slowly(mut stream: TcpStream) {
    let head = "POST /api/v1/affiliation/check/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                Content-Length: 1000\r\n\r\n";
    let mut bytes = head.bytes();
    let started = std::time::Instant::now();
    // The whole head at once, and then a byte a second.
    if stream.write_all(&bytes.by_ref().collect::<Vec<_>>()).await.is_err() {
        return;
    }
    while started.elapsed() < Duration::from_secs(20) && stream.write_u8(b' ').await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn kill(rig: &mut Rig, victims: &[&str]) {
    let mut servers = false;
    for (number, victim) in victims.iter().enumerate() {
        let again = victims[..number].contains(victim);
        if again {
            start(rig, victim);
            tokio::time::sleep(RECOVERY).await;
        }
        let all = Servers::running();
        match *victim {
            "host" => rig.pipeline.kill_host(),
            "bridge" => rig.pipeline.bridge.kill(),
            "MariaDB" => kill_process(all.mariadb.pid),
            "RabbitMQ" => kill_process(all.rabbitmq.pid),
            _ => kill_process(all.redis.pid),
        }
        servers |= !["host", "bridge"].contains(victim);
    }
    if servers {
        let started =
            Command::new(&rig.restart).args(["services", "start"]).stdout(std::process::Stdio::null()).status();
        assert!(started.expect("the program of --restart runs").success(), "the servers did not restart");
    }
    let mut started = Vec::new();
    for victim in victims {
        if !started.contains(victim) {
            start(rig, victim);
            started.push(*victim);
        }
    }
}

fn start(rig: &mut Rig, victim: &str) {
    match victim {
        "host" => rig.pipeline.restart_host(),
        "bridge" => rig.pipeline.restart_bridge(),
        // `services start` has started the servers.
        _ => {}
    }
}

fn kill_process(process: u32) {
    let killed = Command::new("kill").args(["-9", &process.to_string()]).status().expect("kill runs");
    assert!(killed.success(), "process {process} was not running");
}
