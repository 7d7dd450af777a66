//! The operator's command of RabbitMQ, for the server that `cargo xtask services start` started.

use crate::servers::{Servers, root};
use std::path::Path;
use std::process::Command;

/// Where Debian keeps the command itself. The one on PATH is a wrapper that switches to a system
/// account.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";

/// Runs `rabbitmqctl` with these arguments and returns its output.
///
/// The node is named after its port, and its cookie and the port of its epmd are in
/// target/services/rabbitmq (xtask/src/services/rabbitmq.rs).
pub fn rabbitmqctl(servers: &Servers, arguments: &[&str]) -> String {
    let data = root().join("target/services/rabbitmq");
    let epmd = std::fs::read_to_string(data.join("epmd.port")).expect("the port of epmd");
    let program = if Path::new(DEBIAN).exists() { DEBIAN } else { "rabbitmqctl" };
    let mut command = Command::new(program);
    command
        .args(["--quiet", "--node", &format!("connectivity-{}@localhost", servers.rabbitmq.port)])
        .args(arguments)
        .env("HOME", data.canonicalize().expect("a folder"))
        // The command is an Erlang node itself, which would listen on all interfaces.
        .env("RABBITMQ_CTL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("ERL_EPMD_PORT", epmd.trim());
    let output = command.output().expect("rabbitmqctl");
    assert!(output.status.success(), "rabbitmqctl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
