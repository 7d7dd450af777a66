//! MariaDB, Redis and RabbitMQ for tests and development: free ports, data under target/services.

mod compose;
pub(crate) mod mariadb;
pub(crate) mod rabbitmq;
mod redis;

use crate::debian::{self, is_installed};
use crate::project::target;
use crate::run::{Failure, announce, failed, program, run};
use crate::token::{random, write_private};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start or to stop.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The Debian packages of the servers.
const PACKAGES: [&str; 3] = ["mariadb-server", "redis-server", "rabbitmq-server"];

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Starts the servers that do not run, and waits until they answer. As root on Debian, missing
    /// packages are installed.
    Start,
    /// Stops the servers. Their data stays under target/services.
    Stop,
    /// Shows which servers answer. Ends with an error unless all of them do.
    Status,
}

/// The content of `target/services/services.json`, which the tests and `up --services` read.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Services {
    pub(crate) mariadb: Server,
    pub(crate) redis: Server,
    pub(crate) rabbitmq: Server,
}

/// One of the servers, with its program and its check.
struct Known<'a> {
    name: &'static str,
    /// The name of its process.
    process: &'static str,
    server: &'a Server,
    answers: fn(&Server) -> bool,
}

impl Services {
    fn all(&self) -> [Known<'_>; 3] {
        let Self { mariadb, redis, rabbitmq } = self;
        [
            Known { name: "MariaDB", process: "mariadbd", server: mariadb, answers: mariadb::answers },
            Known { name: "Redis", process: "redis-server", server: redis, answers: redis::answers },
            Known { name: "RabbitMQ", process: "beam.smp", server: rabbitmq, answers: rabbitmq::answers },
        ]
    }

    /// Chooses ports and passwords, and keeps those of the last start where there are any.
    fn prepare(before: Option<&Self>) -> Result<Self, Failure> {
        let again = |server: Option<&Server>| {
            let (port, password) = match server {
                // The data in target/ was made with this password; the port may be in use by now.
                Some(server) => (free_port(server.port)?, server.password.clone()),
                None => (free_port(0)?, random()?),
            };
            Ok::<_, Failure>(Server { port, password, pid: 0 })
        };
        Ok(Self {
            mariadb: again(before.map(|it| &it.mariadb))?,
            redis: again(before.map(|it| &it.redis))?,
            rabbitmq: again(before.map(|it| &it.rabbitmq))?,
        })
    }

    fn write(&self) -> Result<(), Failure> {
        let path = folder().join("services.json");
        std::fs::create_dir_all(folder()).map_err(failed(path.display().to_string()))?;
        write_private(&path, &serde_json::to_string_pretty(self).map_err(failed("services.json"))?)
    }
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

/// Returns the servers as they were last started.
pub(crate) fn known() -> Result<Services, Failure> {
    let text = std::fs::read_to_string(folder().join("services.json"))
        .map_err(|_| Failure("the servers were never started here: run `cargo xtask services start`".into()))?;
    serde_json::from_str(&text).map_err(failed("services.json"))
}

/// Runs `work` while the servers run. Stops them afterwards unless they ran before.
pub(crate) fn during<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let started = start()?;
    let result = work();
    let stopped = if started { stop() } else { Ok(()) };
    // The failure of the work matters more than one to stop.
    result.and_then(|done| stopped.map(|()| done))
}

/// Starts the servers that do not answer. Returns whether there were any.
pub(crate) fn start() -> Result<bool, Failure> {
    let before = known().ok();
    let up = |answers: fn(&Server) -> bool, server: fn(&Services) -> &Server| {
        before.as_ref().map(server).filter(|server| answers(server)).cloned()
    };
    let running = [
        up(mariadb::answers, |services| &services.mariadb),
        up(redis::answers, |services| &services.redis),
        up(rabbitmq::answers, |services| &services.rabbitmq),
    ];
    if running.iter().all(Option::is_some) {
        println!("MariaDB, Redis and RabbitMQ are running already");
        return Ok(false);
    }
    if let Some(services) = &before {
        let halting = services.all().into_iter().zip(&running).filter(|(_, running)| running.is_none());
        halting.map(|(known, _)| known).try_for_each(|known| halt(&known))?;
    }
    let [mariadb_up, redis_up, rabbitmq_up] = running;
    let mut services = Services::prepare(before.as_ref())?;
    install(&services)?;
    announce("starting MariaDB, Redis and RabbitMQ");
    match mariadb_up {
        Some(server) => services.mariadb = server,
        None => services.mariadb.pid = mariadb::start(&services.mariadb)?,
    }
    match redis_up {
        Some(server) => services.redis = server,
        None => services.redis.pid = redis::start(&services.redis)?,
    }
    match rabbitmq_up {
        Some(server) => services.rabbitmq = server,
        None => services.rabbitmq.pid = rabbitmq::start(&services.rabbitmq)?,
    }
    services.write()?;
    for Known { name, server, answers, .. } in services.all() {
        let log = folder().join(format!("{}.log", name.to_lowercase()));
        wait_until(|| answers(server))
            .ok_or_else(|| Failure(format!("{name} does not answer: see {}", log.display())))?;
        println!("{name} answers on port {}", server.port);
    }
    Ok(true)
}

/// Stops the servers, and waits until each of them has ended.
pub(crate) fn stop() -> Result<(), Failure> {
    let Ok(services) = known() else { return Ok(()) };
    services.all().iter().try_for_each(halt)?;
    rabbitmq::stop_epmd();
    Ok(())
}

/// Stops one server, if it runs.
fn halt(Known { name, process, server, .. }: &Known) -> Result<(), Failure> {
    if !is(server.pid, process) {
        return Ok(());
    }
    run(&mut program("kill", &["-TERM", &server.pid.to_string()]))?;
    wait_until(|| !is(server.pid, process))
        .ok_or_else(|| Failure(format!("{name} did not stop: see {}", folder().display())))?;
    println!("{name} has stopped");
    Ok(())
}

fn status() -> Result<(), Failure> {
    let services = known()?;
    let mut all = true;
    for Known { name, server, answers, .. } in services.all() {
        let answers = answers(server);
        all &= answers;
        println!("{name} on port {}: {}", server.port, if answers { "answers" } else { "does not answer" });
    }
    if all { Ok(()) } else { Err(Failure("not all servers answer: run `cargo xtask services start`".into())) }
}

/// Returns whether the process with this id runs this program.
///
/// The id in a file may belong to another process by now, or to one that has ended and is not yet
/// collected (`Z`).
fn is(pid: u32, program: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.contains(&format!("({program})")) && !status.contains(&format!("({program}) Z"))
}

/// Installs missing servers, as root on Debian. Elsewhere the error says what to do.
fn install(services: &Services) -> Result<(), Failure> {
    let rabbitmq = || Path::new(rabbitmq::server()).is_absolute() || is_installed(rabbitmq::server());
    if is_installed("mariadbd") && is_installed("redis-server") && rabbitmq() {
        return Ok(());
    }
    if !debian::can_install() {
        services.write()?;
        compose::write(services)?;
        return Err(Failure(format!(
            "MariaDB, Redis or RabbitMQ is not installed. As root on Debian this command installs them. Elsewhere install {}, or run them in containers and then repeat this command:\n\n  {}\n",
            PACKAGES.join(", "),
            compose::COMMAND
        )));
    }
    debian::install(&PACKAGES)
}

/// Returns this port if it is free, or else another free port.
fn free_port(wanted: u16) -> Result<u16, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", wanted)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    let address = listener.and_then(|listener| listener.local_addr()).map_err(failed("a free port"))?;
    Ok(address.port())
}

/// Starts a server that outlives this program. Its output goes to a file.
fn spawn(name: &str, command: &mut Command) -> Result<u32, Failure> {
    let log = File::create(folder().join(format!("{name}.log"))).map_err(failed(name))?;
    let errors = log.try_clone().map_err(failed(name))?;
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0).spawn();
    Ok(child.map_err(failed(name))?.id())
}

/// Waits until the condition holds. `None` means that it did not hold in time.
fn wait_until(holds: impl Fn() -> bool) -> Option<()> {
    let started = Instant::now();
    while started.elapsed() < TIMEOUT {
        if holds() {
            return Some(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}
