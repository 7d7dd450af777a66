//! The application on this machine, from one command.

mod explain;
mod running;

pub(crate) use running::Running;

use crate::run::{Failure, block_on, failed, program, root, target};
use crate::services::{self, mariadb, rabbitmq};
use crate::{build, token};
use explain::{expect_ready, explain};
use running::end_with_us;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the application listens.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
    /// A registry to ask in place of the simulator: scheme, host and port, such as <https://registry.example>.
    #[arg(long)]
    registry_url: Option<String>,
    /// Run the whole system on real servers (`cargo xtask services start`): MariaDB and Redis in place of the embedded
    /// SQLite, and RabbitMQ with the bridge.
    #[arg(long)]
    services: bool,
    /// Run it with `spin up` (Spin 4.1 or later on PATH) in place of the local host.
    #[arg(long)]
    spin: bool,
}

/// Few long-lived instances with a few requests each: the fastest here, and each instance holds one connection to the
/// database (docs/performance.md). Spin and the local host have the same options.
pub(crate) const INSTANCES: [&str; 6] = [
    "--max-instance-concurrent-reuse-count",
    "4",
    "--max-instance-reuse-count",
    "5000",
    "--idle-instance-timeout",
    "30s",
];

pub(crate) fn up(options: &Options) -> Result<(), Failure> {
    if options.spin {
        check_spin()?;
    }
    build::build()?;
    let mut command = if options.spin {
        program("spin", &["up"])
    } else {
        program(&target().join("release/connectivity-host").display().to_string(), &[])
    };
    command.args(["--from", "spin.toml", "--listen", &options.listen]).args(INSTANCES);
    for script in connectivity_migrations::SQLITE {
        command.args(["--sqlite", &format!("@{script}")]);
    }
    let simulator = match &options.registry_url {
        Some(url) => {
            command.env("SPIN_VARIABLE_REGISTRY_URL", url);
            None
        }
        None => Some(simulate(&mut command)?),
    };
    if options.services {
        use_services(&mut command)?;
    }
    command.env("SPIN_VARIABLE_JWT_SECRET", token::secret()?);
    let mut application = Running(command.stdout(Stdio::piped()).spawn().map_err(failed("the application"))?);
    end_with_us(&application.0);
    let stdout = application.0.stdout.take().ok_or_else(|| Failure("no output".into()))?;
    let bridge = Arc::new(Mutex::new(Vec::new()));
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        println!("{line}");
        if let Some(address) = line.strip_prefix("Serving http://") {
            if options.services {
                *lock(&bridge) = start_bridge(address)?;
                watch(&bridge);
            }
            expect_ready(address);
            explain(address, options.services, simulator.is_some())?;
        }
    }
    lock(&bridge).clear();
    let status = application.0.wait().map_err(failed("the application"))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("the application ended with {status}"))) }
}

/// Starts the simulator and has the application ask it.
pub(crate) fn simulate(command: &mut Command) -> Result<Running, Failure> {
    let path = target().join("release/govcarpeta-simulator").display().to_string();
    let mut child = program(&path, &[]).stdout(Stdio::piped()).spawn().map(Running).map_err(failed(path))?;
    let mut line = String::new();
    if let Some(stdout) = child.0.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed("the simulator"))?;
    }
    let url = line.trim().rsplit(' ').next().filter(|url| url.starts_with("http://"));
    let url = url.ok_or_else(|| Failure("the simulator did not start".into()))?;
    command.env("SPIN_VARIABLE_REGISTRY_URL", url);
    Ok(child)
}

/// Starts the bridge, and somebody who waits for its results.
fn start_bridge(address: &str) -> Result<Vec<Running>, Failure> {
    let url = rabbitmq::url(&services::known()?.rabbitmq);
    let secret = token::secret()?;
    let start = |arguments: &[&str]| {
        let mut command = program(&target().join("release/connectivity-bridge").display().to_string(), arguments);
        command.env("RABBITMQ_URL", &url).env("COMPONENTS_URL", format!("http://{address}")).env("JWT_SECRET", &secret);
        // Where they listen is not what is waited for here.
        command.stdout(Stdio::inherit()).spawn().map(Running).map_err(failed("the bridge"))
    };
    Ok(vec![start(&["results"])?, start(&["run"])?])
}

fn lock(bridge: &Mutex<Vec<Running>>) -> MutexGuard<'_, Vec<Running>> {
    bridge.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says so if the bridge ends while the application goes on.
fn watch(bridge: &Arc<Mutex<Vec<Running>>>) {
    let bridge = Arc::clone(bridge);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let ended = lock(&bridge).iter_mut().find_map(|child| child.0.try_wait().ok().flatten());
            if let Some(status) = ended {
                eprintln!("xtask: the bridge has ended with {status}: documents wait in the queue. Start this again.");
                return;
            }
        }
    });
}

fn use_services(command: &mut Command) -> Result<(), Failure> {
    services::start()?;
    let services = services::known()?;
    let server = mariadb::url(&services.mariadb, "mysql");
    let url = mariadb::url(&services.mariadb, "connectivity");
    let migrated = block_on(async {
        connectivity_migrations::mysql::create_database(&server, "connectivity").await?;
        connectivity_migrations::mysql::migrate(&url).await
    })?;
    migrated.map_err(failed("migrations"))?;
    for (name, value) in [
        ("MYSQL_ADDRESS", format!("mysql://127.0.0.1:{}", services.mariadb.port)),
        ("MYSQL_USER", mariadb::USER.to_owned()),
        ("MYSQL_PASSWORD", services.mariadb.password),
        ("MYSQL_DATABASE", "connectivity".to_owned()),
        ("REDIS_ADDRESS", format!("redis://127.0.0.1:{}", services.redis.port)),
        ("REDIS_PASSWORD", services.redis.password),
    ] {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    Ok(())
}

/// Is Spin there, and new enough?
pub(crate) fn check_spin() -> Result<(), Failure> {
    let output = Command::new("spin").arg("--version").current_dir(root()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let numbers = text.split_whitespace().nth(1).unwrap_or_default();
    let mut numbers = numbers.split(['.', '-']).map(|number| number.parse::<u32>().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (4, 1) {
        return Ok(());
    }
    Err(Failure("--spin needs Spin 4.1 or later on PATH; without --spin the local host of this project runs".into()))
}
