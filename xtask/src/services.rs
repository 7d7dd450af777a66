//! MariaDB, Redis and RabbitMQ for tests and development: free ports, data under target/services.

mod compose;
mod list;
pub(crate) mod mariadb;
pub(crate) mod rabbitmq;
pub(crate) mod redis;
mod server;

pub(crate) use list::known;

use crate::debian::{self, is_installed};
use crate::failure::Failure;
use crate::run::{announce, program, run, say};
use clap::Subcommand;
use list::{Known, Services};
use server::{Server, folder};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a server may take to start or to stop. RabbitMQ takes a minute while compilers keep the
/// machine busy.
const TIMEOUT: Duration = Duration::from_mins(3);

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

pub(crate) fn act(action: &Action) -> Result<(), Failure> {
    match action {
        Action::Start => start().map(|_| ()),
        Action::Stop => stop(),
        Action::Status => status(),
    }
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
        say!("MariaDB, Redis and RabbitMQ are running already");
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
        say!("{name} answers on port {}", server.port);
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
    say!("{name} has stopped");
    Ok(())
}

fn status() -> Result<(), Failure> {
    let services = known()?;
    let mut all = true;
    for Known { name, server, answers, .. } in services.all() {
        let answers = answers(server);
        all &= answers;
        say!("{name} on port {}: {}", server.port, if answers { "answers" } else { "does not answer" });
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
