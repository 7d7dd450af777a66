//! A server: its port, its password and its process.

use crate::failure::{Failure, failed};
use crate::project::target;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// How a server was last started.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) password: String,
    pub(super) pid: u32,
}

/// Returns the folder of the servers' data and logs.
pub(super) fn folder() -> PathBuf {
    target().join("services")
}

/// Returns this port if it is free, or else another free port.
pub(super) fn free_port(wanted: u16) -> Result<u16, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", wanted)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    let address = listener.and_then(|listener| listener.local_addr()).map_err(failed("a free port"))?;
    Ok(address.port())
}

/// Starts a server that outlives this program. Its output goes to a file.
pub(super) fn spawn(name: &str, command: &mut Command) -> Result<u32, Failure> {
    let log = File::create(folder().join(format!("{name}.log"))).map_err(failed(name))?;
    let errors = log.try_clone().map_err(failed(name))?;
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0).spawn();
    Ok(child.map_err(failed(name))?.id())
}
