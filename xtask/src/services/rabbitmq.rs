//! RabbitMQ.

use super::server::{Server, folder, free_port, spawn};
use crate::failure::{Failure, failed};
use crate::run::{program, run};
use crate::token::write_private;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// The account of the tests and of `up --services`.
pub(crate) const USER: &str = "connectivity";

/// Returns the URL of the server, with its credentials.
pub(crate) fn url(server: &Server) -> String {
    format!("amqp://{USER}:{}@127.0.0.1:{}/%2f", server.password, server.port)
}

/// Where Debian keeps the server itself. The one on PATH is a wrapper that switches to a system
/// account.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// Returns the program that starts the server.
pub(super) fn server() -> &'static str {
    if Path::new(DEBIAN).exists() { DEBIAN } else { "rabbitmq-server" }
}

/// Arguments of Erlang: distributed nodes connect through the loopback interface.
const LOOPBACK_ONLY: &str = "-kernel inet_dist_use_interface {127,0,0,1}";

pub(super) fn start(server: &Server) -> Result<u32, Failure> {
    let data = folder().join("rabbitmq");
    let shown = data.display().to_string();
    std::fs::create_dir_all(&data).map_err(failed(shown.clone()))?;
    let settings = data.join("rabbitmq.conf");
    let text = format!(
        "listeners.tcp.default = 127.0.0.1:{}\ndefault_user = {USER}\ndefault_pass = {}\nlog.console = true\n",
        server.port, server.password
    );
    write_private(&settings, &text)?;
    let mut command = program(self::server(), &[]);
    command
        .env("RABBITMQ_NODENAME", node(server))
        .env("RABBITMQ_CONFIG_FILE", &settings)
        .env("RABBITMQ_MNESIA_DIR", data.join("data"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_LOG_BASE", &data)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", data.join("enabled_plugins"))
        .env("RABBITMQ_PID_FILE", data.join("rabbitmq.pid"))
        .env("RABBITMQ_DIST_PORT", free_port(0)?.to_string())
        // The port of the Erlang distribution would listen on all interfaces.
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", LOOPBACK_ONLY)
        // An Erlang port mapper (epmd) of our own, on the loopback interface only.
        .env("ERL_EPMD_PORT", epmd_port(server)?.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        // The start script then replaces itself with the server, which so receives the signals.
        .env("RUNNING_UNDER_SYSTEMD", "true")
        // The folder of the Erlang cookie.
        .env("HOME", &data);
    spawn("rabbitmq", &mut command)
}

/// Returns the port of epmd. It is kept in a file because epmd outlives the server.
fn epmd_port(server: &Server) -> Result<u16, Failure> {
    let path = folder().join("rabbitmq/epmd.port");
    if let Some(port) = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
        return Ok(port);
    }
    let port = free_port(server.port.wrapping_add(1).max(1024))?;
    std::fs::write(&path, port.to_string()).map_err(failed(path.display().to_string()))?;
    Ok(port)
}

/// Where Debian keeps the operator's command itself, for the same reason as [`DEBIAN`].
const CTL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";

/// Runs the operator's command.
pub(crate) fn ctl(server: &Server, arguments: &[&str]) -> Result<(), Failure> {
    let name = if Path::new(CTL).exists() { CTL } else { "rabbitmqctl" };
    let mut command = program(name, &["--quiet", "--node", &node(server)]);
    command
        .args(arguments)
        .env("HOME", folder().join("rabbitmq"))
        // The command is an Erlang node itself.
        .env("RABBITMQ_CTL_ERL_ARGS", LOOPBACK_ONLY)
        .env("ERL_EPMD_PORT", epmd_port(server)?.to_string());
    run(&mut command)
}

/// Returns the name of the node. It has the port in it, so that the nodes of several checkouts do not
/// conflict.
fn node(server: &Server) -> String {
    format!("connectivity-{}@localhost", server.port)
}

/// Stops epmd, which the server starts and does not stop.
pub(super) fn stop_epmd() {
    let port = std::fs::read_to_string(folder().join("rabbitmq/epmd.port")).unwrap_or_default();
    if !port.is_empty() {
        // It may have ended already.
        let _ = program("epmd", &["-port", port.trim(), "-kill"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Returns whether the server answers a protocol header with `connection.start` (AMQP 0-9-1,
/// section 2.2.4).
pub(super) fn answers(server: &Server) -> bool {
    let handshake = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        let mut frame = [0; 11];
        stream.read_exact(&mut frame)?;
        // A method frame on channel 0: class 10, method 10.
        Ok(frame[..3] == [1, 0, 0] && frame[7..] == [0, 10, 0, 10])
    };
    handshake().unwrap_or(false)
}
