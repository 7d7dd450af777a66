//! `cargo xtask services` where somebody else works: in a copied checkout whose path has blanks, with
//! the PATH of an ordinary user of Debian.

use serde_json::Value;
use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// PATH without the folders of servers.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How long a server that was stopped may still listen.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A checkout with as much in it as the command looks for. Its servers are stopped at the end.
struct Checkout(PathBuf);

impl Drop for Checkout {
    fn drop(&mut self) {
        self.services("stop");
        // It is a temporary folder, so a failure does not matter.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Checkout {
    fn copied() -> Self {
        let folder = std::env::temp_dir().join(format!("a copy of connectivity {}", std::process::id()));
        std::fs::create_dir_all(folder.join("xtask")).expect("a folder");
        std::fs::copy(root().join("spin.toml"), folder.join("spin.toml")).expect("a manifest");
        Self(folder)
    }

    fn services(&self, action: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        // The variable would name the checkout in which the program was built.
        command.env_remove("CARGO_MANIFEST_DIR").env("PATH", PATH).current_dir(&self.0);
        command.args(["services", action]).output().expect("xtask")
    }

    fn state(&self) -> Value {
        let text = std::fs::read_to_string(self.0.join("target/services/services.json")).expect("services.json");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Returns the ports on which the servers listen, and the port of Erlang's epmd. The address of
    /// each must be on the loopback interface.
    fn ports(&self) -> BTreeSet<u16> {
        let state = self.state();
        let mut sockets = BTreeSet::new();
        for server in ["mariadb", "redis", "rabbitmq"] {
            sockets.extend(sockets_of(state[server]["pid"].as_u64().expect("a process")));
        }
        let epmd = std::fs::read_to_string(self.0.join("target/services/rabbitmq/epmd.port")).expect("its port");
        let epmd: u16 = epmd.trim().parse().expect("a port");
        let mut ports = BTreeSet::new();
        for Listener { address, port, socket } in listeners() {
            if sockets.contains(&socket) || port == epmd {
                assert!(
                    address.is_loopback() || address.to_ipv4_mapped().is_some_and(|it| it.is_loopback()),
                    "{address}"
                );
                ports.insert(port);
            }
        }
        ports
    }
}

struct Listener {
    address: Ipv6Addr,
    port: u16,
    socket: String,
}

fn root() -> PathBuf {
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    Path::new(&package).parent().expect("the workspace").to_owned()
}

/// Returns the numbers of the sockets of a process.
fn sockets_of(process: u64) -> Vec<String> {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).expect("a running server");
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    links.filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect()
}

/// Returns all TCP sockets that listen on this machine.
fn listeners() -> Vec<Listener> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let text = [read("/proc/net/tcp"), read("/proc/net/tcp6")].concat();
    text.lines().filter_map(listener).collect()
}

/// Parses a line of `/proc/net/tcp` or `/proc/net/tcp6` in the state `LISTEN`.
fn listener(line: &str) -> Option<Listener> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_, local, _, "0A", _, _, _, _, _, socket, ..] = fields.as_slice() else { return None };
    let (address, port) = local.split_once(':')?;
    // Words of four bytes, in the order of the machine.
    let words = (0..address.len() / 8).map(|word| u32::from_str_radix(&address[word * 8..][..8], 16).ok());
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let address = match <[u8; 4]>::try_from(&bytes[..]) {
        Ok(bytes) => std::net::Ipv4Addr::from(bytes).to_ipv6_mapped(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(&bytes[..]).ok()?),
    };
    Some(Listener { address, port: u16::from_str_radix(port, 16).ok()?, socket: (*socket).to_owned() })
}

#[test]
fn servers_run_in_a_copied_checkout_and_listen_on_the_loopback_interface_only() {
    let checkout = Checkout::copied();
    let started = checkout.services("start");
    let log = || std::fs::read_to_string(checkout.0.join("target/services/rabbitmq.log")).unwrap_or_default();
    assert!(started.status.success(), "{} {}", String::from_utf8_lossy(&started.stderr), log());
    assert!(checkout.services("status").status.success());
    let (state, ports) = (checkout.state(), checkout.ports());
    for server in ["mariadb", "redis", "rabbitmq"] {
        let port = state[server]["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        assert!(ports.contains(&port), "{server}: {ports:?}");
    }
    assert_eq!(ports.len(), 5, "MariaDB, Redis, RabbitMQ, the Erlang distribution and epmd: {ports:?}");
    assert!(checkout.services("stop").status.success());
    let stopped_at = Instant::now();
    while listeners().iter().any(|listener| ports.contains(&listener.port)) {
        assert!(stopped_at.elapsed() < STOP_TIMEOUT, "something still listens on one of {ports:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn full_standard_output_is_an_error_message() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.args(["token"]).current_dir(root()).stdout(full).output().expect("xtask");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && errors.contains("cannot write to standard output"), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}
