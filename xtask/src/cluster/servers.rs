//! The servers of the cluster: those of `cargo xtask services`, with a database of their own, and
//! the registry simulator.

use super::endpoints::Endpoint;
use super::relay;
use crate::build::SIMULATOR;
use crate::failure::{Failure, failed};
use crate::project::built;
use crate::run::program;
use crate::running::Running;
use crate::services::{self, mariadb, rabbitmq, redis};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

/// The name of the database, of its account, and of RabbitMQ's virtual host, as in
/// tests/cluster/podman.yaml.
pub(super) const NAME: &str = "cluster";

/// The account that may change the schema.
pub(super) const MIGRATION: &str = "migration";

/// The number of the database of Redis, as in tests/cluster/podman.yaml.
const REDIS_DATABASE: u16 = 4095;

/// The Services of the servers. The simulator runs until this value is dropped.
pub(super) struct Servers {
    pub(super) endpoints: Vec<Endpoint>,
    _simulator: Running,
}

/// Empties the databases, and makes the servers reachable at this address. The passwords of
/// MariaDB's two accounts are the ones given.
pub(super) fn start(gateway: Ipv4Addr, password: &str) -> Result<Servers, Failure> {
    let known = services::known()?;
    mariadb::administer(&known.mariadb, &statements(password))?;
    redis::empty(&known.redis, REDIS_DATABASE)?;
    // The virtual host may not exist yet; `delete_vhost` is then an error.
    for arguments in [
        ["add_vhost", NAME].as_slice(),
        &["delete_vhost", NAME],
        &["add_vhost", NAME],
        &["set_permissions", "--vhost", NAME, rabbitmq::USER, ".*", ".*", ".*"],
    ] {
        rabbitmq::ctl(&known.rabbitmq, arguments)?;
    }
    let endpoint = |(name, port): (&str, u16)| Endpoint { name: name.to_owned(), address: gateway, port };
    let endpoints = [("mariadb", 3306), ("redis", 6379), ("rabbitmq", 5672), ("registry", 80)].map(endpoint);
    let ports = [known.mariadb.port, known.redis.port, known.rabbitmq.port];
    for (Endpoint { address, port, .. }, behind) in endpoints.iter().zip(ports) {
        relay::start(SocketAddr::from((*address, *port)), behind)?;
    }
    Ok(Servers { endpoints: endpoints.to_vec(), _simulator: simulator(gateway)? })
}

/// Returns the statements that make an empty database and the accounts of docs/deployment.md.
fn statements(password: &str) -> String {
    let rows = "SELECT, INSERT, UPDATE, DELETE";
    let account = |name: &str, rights: &str| {
        format!(
            "CREATE OR REPLACE USER '{name}'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
             GRANT {rights} ON {NAME}.* TO '{name}'@'127.0.0.1';\n"
        )
    };
    let database = format!("DROP DATABASE IF EXISTS {NAME};\nCREATE DATABASE {NAME};\n");
    database + &account(MIGRATION, &format!("{rows}, CREATE, ALTER, INDEX")) + &account(NAME, rows)
}

/// Starts the registry simulator at port 80 of this address, and waits until it listens.
fn simulator(gateway: Ipv4Addr) -> Result<Running, Failure> {
    let path = built(SIMULATOR);
    let mut command = program(&path, &["--listen", &format!("{gateway}:80")]);
    let mut child = command.stdout(Stdio::piped()).spawn().map(Running).map_err(failed(path))?;
    let mut line = String::new();
    if let Some(stdout) = child.0.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed("the simulator"))?;
    }
    if line.is_empty() { Err(Failure("the registry simulator did not start".into())) } else { Ok(child) }
}
