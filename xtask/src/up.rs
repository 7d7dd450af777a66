//! `cargo xtask up`: the application on this machine, from one command.

mod arguments;
mod bridge;
mod explain;
mod variables;

use crate::build::{self, BRIDGE, HOST, SIMULATOR};
use crate::failure::{Failure, failed};
use crate::run::say;
use crate::running::{Running, end_with_us};
use crate::services::{self, mariadb};
use crate::{application, token};
use arguments::{Address, RegistryUrl};
use explain::{Urls, expect_ready, explain};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

pub(crate) use arguments::check_spin;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The address to listen on, as ADDRESS:PORT. Port 0 takes a free port.
    #[arg(long, default_value = "127.0.0.1:3000", value_name = "ADDRESS:PORT")]
    listen: Address,
    /// The registry to ask instead of the simulator: scheme, host and port, such as
    /// <https://registry.example>.
    #[arg(long, value_name = "URL")]
    registry_url: Option<RegistryUrl>,
    /// Run the whole system on real servers: MariaDB and Redis instead of the embedded SQLite, and
    /// RabbitMQ with the bridge. The servers are those of `cargo xtask services start`.
    #[arg(long)]
    services: bool,
    /// Run on Spin (4.1 or later on PATH) instead of the local host.
    #[arg(long)]
    spin: bool,
}

/// Builds what the options need, and runs it until Ctrl-C.
///
/// Everything that can fail without a build is checked before it: a first build takes minutes.
pub(crate) fn up(options: &Options) -> Result<(), Failure> {
    options.listen.check_free()?;
    variables::warn()?;
    if options.spin {
        check_spin()?;
    }
    if options.services {
        services::start()?;
    }
    build::application(&programs(options))?;
    let mut command = application::serve(options.spin, &options.listen.to_string());
    let simulator = match &options.registry_url {
        Some(RegistryUrl(url)) => {
            application::set(&mut command, "REGISTRY_URL", url);
            None
        }
        None => Some(application::simulate(&mut command)?),
    };
    if options.services {
        use_services(&mut command)?;
    }
    token::use_key_pair(&mut command)?;
    let given = std::env::var("SPIN_VARIABLE_SERVICE_ACCOUNTS").ok();
    application::set(&mut command, "SERVICE_ACCOUNTS", token::accounts(given.as_deref())?);
    let mut application = Running(command.stdout(Stdio::piped()).spawn().map_err(failed("the application"))?);
    end_with_us(&application.0)?;
    let stdout = application.0.stdout.take().ok_or_else(|| Failure("no output".into()))?;
    let mut bridge = None;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        say!("{line}");
        if let Some(address) = line.strip_prefix("Serving http://") {
            if options.services {
                bridge = Some(bridge::start(address)?);
            }
            expect_ready(address);
            explain(&Urls { address, services: options.services, simulated: simulator.is_some() })?;
        }
    }
    drop(bridge);
    let status = application.0.wait().map_err(failed("the application"))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("the application ended with {status}"))) }
}

/// Returns the native programs that these options run.
fn programs(options: &Options) -> Vec<&'static str> {
    let all = [(HOST, !options.spin), (SIMULATOR, options.registry_url.is_none()), (BRIDGE, options.services)];
    all.into_iter().filter_map(|(program, is_needed)| is_needed.then_some(program)).collect()
}

/// Brings the schema of MariaDB up to date, and sets the servers as the application's database and
/// cache.
fn use_services(command: &mut Command) -> Result<(), Failure> {
    let services = services::known()?;
    application::migrate(&mariadb::url(&services.mariadb))?;
    for (name, value) in [
        ("MYSQL_ADDRESS", format!("mysql://127.0.0.1:{}", services.mariadb.port)),
        ("MYSQL_USER", mariadb::USER.to_owned()),
        ("MYSQL_PASSWORD", services.mariadb.password),
        ("MYSQL_DATABASE", mariadb::DATABASE.to_owned()),
        ("REDIS_ADDRESS", format!("redis://127.0.0.1:{}", services.redis.port)),
        ("REDIS_PASSWORD", services.redis.password),
    ] {
        application::set(command, name, value);
    }
    Ok(())
}
