//! podman, with images, containers and a network of its own in target/cluster.

use super::prepare::folder;
use crate::failure::{Failure, failed};
use crate::run::program;
use crate::token::write_private;
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The name of the network.
const NETWORK: &str = "connectivity";

/// A pod without programs of ours. The machine has an address in the network as long as it runs.
const ANCHOR: &str = "anchor";

/// Settings with which podman also runs in a container or a virtual machine with few privileges:
/// crun needs cgroups of version 2, and the default limits are above those of such a machine. Both
/// values of a limit are equal, because podman 4.3 exchanges the soft and the hard one. The locks
/// are files, because locks in memory would be shared with the machine's other containers.
const SETTINGS: &str = r#"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
lock_type = "file"
[network]
network_backend = "netavark"
"#;

/// A running podman. When it is dropped, everything that it made is removed.
pub(super) struct Podman {
    /// Whether this program was asked to end.
    interrupted: Arc<AtomicBool>,
}

impl Podman {
    /// Removes what a killed run has left, and creates the network.
    pub(super) fn start() -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted)).map_err(failed("signals"))?;
        }
        write_private(&folder().join("containers.conf"), SETTINGS)?;
        let podman = Self { interrupted };
        remove_containers();
        podman.output(&["network", "create", "--disable-dns", NETWORK])?;
        podman.output(&["pod", "create", "--network", NETWORK, "--name", ANCHOR])?;
        podman.output(&["pod", "start", ANCHOR])?;
        Ok(podman)
    }

    /// Returns the address of this machine in the network of the pods.
    pub(super) fn gateway(&self) -> Result<Ipv4Addr, Failure> {
        let networks: Value =
            serde_json::from_str(&self.output(&["network", "inspect", NETWORK])?).map_err(failed("the network"))?;
        let gateway = networks.pointer("/0/subnets/0/gateway").and_then(Value::as_str).unwrap_or_default();
        gateway.parse().map_err(failed("the network's gateway"))
    }

    /// Builds an image from a folder with a Containerfile, and returns its digest.
    pub(super) fn build(&self, name: &str, context: &Path) -> Result<String, Failure> {
        let context = context.display().to_string();
        self.output(&["build", "--quiet", "--network", "none", "--tag", &format!("localhost/{name}"), &context])?;
        let digest = self.output(&["image", "inspect", "--format", "{{.Digest}}", &format!("localhost/{name}")])?;
        Ok(digest.trim().to_owned())
    }

    /// Stores a secret that containers read as environment variables.
    ///
    /// podman 4.3 cannot read a Secret of `kube play` for this: it expects the values alone.
    pub(super) fn store_secret(&self, name: &str, encoded: &Value) -> Result<(), Failure> {
        self.feed(&["secret", "create", name, "-"], &encoded.to_string()).map(drop)
    }

    /// Creates what these objects describe. The pods among them get these addresses, in this order.
    pub(super) fn play(&self, objects: &[Value], addresses: &[Ipv4Addr]) -> Result<(), Failure> {
        let documents: Vec<_> = objects.iter().map(Value::to_string).collect();
        let mut arguments = vec!["kube", "play", "--replace", "--network", NETWORK];
        let addresses: Vec<_> = addresses.iter().map(Ipv4Addr::to_string).collect();
        for address in &addresses {
            arguments.extend(["--ip", address]);
        }
        arguments.push("-");
        self.feed(&arguments, &documents.join("\n---\n")).map(drop)
    }

    /// Runs podman to its end, and returns what it printed.
    pub(super) fn output(&self, arguments: &[&str]) -> Result<String, Failure> {
        self.feed(arguments, "")
    }

    /// Runs podman with this standard input, and returns what it printed.
    pub(super) fn feed(&self, arguments: &[&str], input: &str) -> Result<String, Failure> {
        self.check_interrupted()?;
        call(arguments, input).map(|(printed, _)| printed)
    }

    /// Runs podman, and returns what it wrote to standard output and to standard error.
    pub(super) fn both(&self, arguments: &[&str]) -> Result<(String, String), Failure> {
        self.check_interrupted()?;
        call(arguments, "")
    }

    /// Waits until the condition holds.
    pub(super) fn wait(
        &self,
        what: &str,
        timeout: Duration,
        mut holds: impl FnMut() -> Result<(), Failure>,
    ) -> Result<Duration, Failure> {
        let started = Instant::now();
        loop {
            self.check_interrupted()?;
            let Err(Failure(reason)) = holds() else { return Ok(started.elapsed()) };
            if started.elapsed() > timeout {
                return Err(Failure(format!("{what}: not within {} s: {reason}", timeout.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn check_interrupted(&self) -> Result<(), Failure> {
        if self.interrupted.load(Ordering::Relaxed) { Err(Failure("interrupted".into())) } else { Ok(()) }
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        remove_containers();
        let _ = call(&["rmi", "--all", "--force"], "");
        let _ = std::fs::remove_dir_all(folder());
    }
}

/// Returns a podman command. Ctrl-C in a terminal does not reach it, so that nothing is left half
/// made.
pub(super) fn command(arguments: &[&str]) -> Command {
    let in_folder = |name: &str| folder().join(name);
    let mut command = program("podman", &["--root"]);
    command.arg(in_folder("storage")).arg("--runroot").arg(in_folder("run"));
    command.arg("--tmpdir").arg(in_folder("tmp")).arg("--network-config-dir").arg(in_folder("networks"));
    command.env("CONTAINERS_CONF", in_folder("containers.conf"));
    command.process_group(0).args(arguments);
    command
}

/// Removes the pods, the secrets and the network. There may be none.
fn remove_containers() {
    for arguments in [
        ["pod", "rm", "--all", "--force", "--time=0"].as_slice(),
        &["rm", "--all", "--force", "--time=0"],
        &["secret", "rm", "--all"],
        &["network", "rm", "--force", NETWORK],
    ] {
        let _ = call(arguments, "");
    }
}

/// Runs podman to its end.
fn call(arguments: &[&str], input: &str) -> Result<(String, String), Failure> {
    let mut command = command(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed("podman"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that has ended early says why itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed("podman"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok((text(&output.stdout), text(&output.stderr)));
    }
    let arguments = arguments.join(" ");
    Err(Failure(format!("podman {arguments} ended with {}: {}", output.status, text(&output.stderr).trim())))
}
