//! Real MariaDB and Redis for tests and a closer look: private ports, data under target/services.

pub(crate) mod mariadb;
mod redis;

use crate::run::{Failure, announce, failed, program, run, target};
use crate::token::{random, write_private};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer its first question.
const START: Duration = Duration::from_mins(1);

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Starts what is not running, installing packages on Debian as root, and waits until it answers.
    Start,
    /// Stops them; their data stays under target/services.
    Stop,
    /// Tells which of them answer. Ends with an error unless all do.
    Status,
}

/// `target/services/services.json`: what the tests and `up --services` need to know.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Services {
    pub(crate) mariadb: Server,
    pub(crate) redis: Server,
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) password: String,
    pid: u32,
}

pub(crate) fn act(action: &Action) -> Result<(), Failure> {
    match action {
        Action::Start => start().map(|_| ()),
        Action::Stop => stop(),
        Action::Status => status(),
    }
}

pub(crate) fn folder() -> PathBuf {
    target().join("services")
}

/// The servers as they were last started.
pub(crate) fn known() -> Result<Services, Failure> {
    let text = std::fs::read_to_string(folder().join("services.json"))
        .map_err(|_| Failure("no servers are known here: run `cargo xtask services start`".into()))?;
    serde_json::from_str(&text).map_err(failed("services.json"))
}

/// Starts the servers, and tells whether any was not running before.
pub(crate) fn start() -> Result<bool, Failure> {
    let before = known().ok();
    if let Some(services) = &before {
        if mariadb::answers(&services.mariadb) && redis::answers(&services.redis) {
            println!("MariaDB and Redis are running already");
            return Ok(false);
        }
        stop()?;
    }
    install()?;
    let again = |server: Option<&Server>| {
        let (port, password) = match server {
            // The data in target/ knows this password; the port may have been taken since.
            Some(server) => (free_port(server.port)?, server.password.clone()),
            None => (free_port(0)?, random()),
        };
        Ok::<_, Failure>(Server { port, password, pid: 0 })
    };
    let mut services = Services {
        mariadb: again(before.as_ref().map(|it| &it.mariadb))?,
        redis: again(before.as_ref().map(|it| &it.redis))?,
    };
    announce("starting MariaDB");
    services.mariadb.pid = mariadb::start(&services.mariadb)?;
    announce("starting Redis");
    services.redis.pid = redis::start(&services.redis)?;
    let text = serde_json::to_string_pretty(&services).map_err(failed("services.json"))?;
    write_private(&folder().join("services.json"), &text)?;
    wait("MariaDB", || mariadb::answers(&services.mariadb))?;
    wait("Redis", || redis::answers(&services.redis))?;
    println!("MariaDB answers on port {}, Redis on port {}", services.mariadb.port, services.redis.port);
    Ok(true)
}

/// Stops the servers, each with the time that it needs.
pub(crate) fn stop() -> Result<(), Failure> {
    let Ok(services) = known() else { return Ok(()) };
    for (name, program, pid) in
        [("MariaDB", "mariadbd", services.mariadb.pid), ("Redis", "redis-server", services.redis.pid)]
    {
        if !is(pid, program) {
            continue;
        }
        run(&mut self::program("kill", &["-TERM", &pid.to_string()]))?;
        wait_until(|| !is(pid, program))
            .ok_or_else(|| Failure(format!("{name} did not stop: see {}", folder().display())))?;
        println!("{name} has stopped");
    }
    Ok(())
}

fn status() -> Result<(), Failure> {
    let services = known()?;
    let answers = [
        ("MariaDB", mariadb::answers(&services.mariadb), services.mariadb.port),
        ("Redis", redis::answers(&services.redis), services.redis.port),
    ];
    for (name, answers, port) in answers {
        println!("{name} on port {port}: {}", if answers { "answers" } else { "does not answer" });
    }
    if answers.iter().all(|(_, answers, _)| *answers) { Ok(()) } else { Err(Failure("not all servers answer".into())) }
}

/// Does this process run this program? A number in a file may be another's by now, or that of one that has ended and
/// waits to be collected (`Z`).
fn is(pid: u32, program: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.contains(&format!("({program})")) && !status.contains(&format!("({program}) Z"))
}

fn install() -> Result<(), Failure> {
    let there =
        |name: &str| program(name, &["--version"]).stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    if there("mariadbd") && there("redis-server") {
        return Ok(());
    }
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0"));
    if !root || !there("apt-get") {
        return Err(Failure(
            "MariaDB or Redis is missing. As root on Debian this command installs them; elsewhere install mariadb-server and redis-server".into(),
        ));
    }
    announce("installing mariadb-server and redis-server");
    let apt = |arguments: &[&str]| {
        // No server of the system's own is started.
        let mut command = program("apt-get", arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        run(&mut command)
    };
    apt(&["update", "-qq"])?;
    apt(&["install", "-y", "-qq", "--no-install-recommends", "mariadb-server", "redis-server"])
}

/// This port if nobody has it, else one that nobody has.
fn free_port(wanted: u16) -> Result<u16, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", wanted)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    let address = listener.and_then(|listener| listener.local_addr()).map_err(failed("a free port"))?;
    Ok(address.port())
}

/// Starts a server that outlives this program, its output in a file.
fn spawn(name: &str, command: &mut Command) -> Result<u32, Failure> {
    let log = File::create(folder().join(format!("{name}.log"))).map_err(failed(name))?;
    let errors = log.try_clone().map_err(failed(name))?;
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0).spawn();
    Ok(child.map_err(failed(name))?.id())
}

fn wait(name: &str, answers: impl Fn() -> bool) -> Result<(), Failure> {
    let log = folder().join(format!("{}.log", name.to_lowercase()));
    wait_until(answers).ok_or_else(|| Failure(format!("{name} does not answer: see {}", log.display())))
}

fn wait_until(holds: impl Fn() -> bool) -> Option<()> {
    let started = Instant::now();
    while started.elapsed() < START {
        if holds() {
            return Some(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}
