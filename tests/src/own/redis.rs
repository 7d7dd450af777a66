//! Redis with TLS, with access rules, or as a cluster; and programs that are compatible with it.

use super::{Own, free_port};
use crate::certificates::Certified;
use crate::folder::temporary;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::process::Command;

/// How a server is started.
pub enum Redis<'a> {
    /// With these lines of redis.conf.
    Plain(&'a str),
    /// With TLS only, and these lines of redis.conf.
    Tls(&'a Certified, &'a str),
    /// As the only node of a cluster.
    Cluster,
}

/// Starts a server with this program.
pub async fn redis(program: &str, how: &Redis<'_>) -> Own {
    let (folder, port) = (temporary(), free_port());
    let mut settings = format!("bind 127.0.0.1\ndir {}\nsave \"\"\n", folder.display());
    let written = match how {
        Redis::Plain(lines) => write!(settings, "port {port}\n{lines}\n"),
        Redis::Tls(tls, lines) => write!(
            settings,
            "port 0\ntls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-auth-clients no\n{lines}\n",
            tls.certificate.display(),
            tls.key.display()
        ),
        Redis::Cluster => write!(settings, "port {port}\ncluster-enabled yes\n"),
    };
    written.expect("a string takes everything");
    std::fs::write(folder.join("redis.conf"), settings).expect("a file");
    let mut command = Command::new(program);
    let mut server = Own::start(command.arg(folder.join("redis.conf")), folder, port);
    server.until(|| TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    if matches!(how, Redis::Cluster) {
        assert!(ask(port, "CLUSTER ADDSLOTSRANGE 0 16383").starts_with("+OK"));
        server.until(|| ask(port, "CLUSTER INFO").contains("cluster_state:ok")).await;
    }
    server
}

/// Sends an inline command and returns the reply.
fn ask(port: u16, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("Redis");
    write!(stream, "{command}\r\nQUIT\r\n").expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    reply
}
