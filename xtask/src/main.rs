//! The tasks of this project: what a developer, an operator and CI do, they do with these.

mod api;
mod bench;
mod build;
mod coverage;
mod debian;
mod deploy;
mod lint;
mod run;
mod services;
mod test;
mod token;
mod tools;
mod up;

use clap::{Parser, Subcommand};
use run::Failure;
use std::process::ExitCode;

/// The tasks of this project. Start with `cargo xtask up`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds everything and runs the application here, with a simulated registry and a ready token.
    Up(up::Options),
    /// Builds the components (adding the wasm target if it is missing) and the local host.
    Build,
    /// Runs the whole suite: formatting, lints, unit tests, and scenarios on the embedded default and on real servers.
    Test {
        /// Runs the scenarios alone, on Spin itself (4.1 or later on PATH) in place of the local host.
        #[arg(long)]
        spin: bool,
    },
    /// Writes the API's document, which `components/ops` serves, from what the components say of their routes.
    Schema,
    /// Checks formatting and lints; with `api`, the API's document; with `deploy`, what the system is deployed with.
    Lint {
        #[command(subcommand)]
        part: Option<lint::Part>,
    },
    /// Runs the tests instrumented and writes coverage reports (Cobertura, HTML) to target/coverage.
    ///
    /// Needs cargo-llvm-cov and the toolchain's llvm-tools. Builds the crates of this workspace, and not those they use,
    /// once more.
    Coverage {
        /// Fails if fewer lines are covered, in percent.
        #[arg(long, default_value_t = 80)]
        fail_under: u8,
    },
    /// Measures under load, on real servers, beside a native server that does the same I/O.
    ///
    /// What is to be measured and its options follow: `cargo xtask bench affiliation --help`.
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "--help")]
        what: Vec<String>,
    },
    /// Kills everything that a document passes, in turn, while documents pass. Fails if one is lost or contradicted.
    Chaos {
        /// How many requests.
        #[arg(long, default_value_t = 2_000)]
        requests: u32,
        /// How often each thing is killed.
        #[arg(long, default_value_t = 3)]
        rounds: u32,
    },
    /// Starts, stops or shows real MariaDB, Redis and RabbitMQ servers with their data under target/.
    Services {
        #[command(subcommand)]
        action: services::Action,
    },
    /// Brings the schema of a MySQL or MariaDB database up to date. Safe to run twice.
    Migrate {
        /// mysql://user:password@host:port/database. Better by the environment: arguments can be read by everybody.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
    },
    /// Prints the address of the RabbitMQ that `cargo xtask services start` runs, with its password.
    RabbitmqUrl,
    /// Prints an access token for the application that `cargo xtask up` runs.
    Token {
        /// What it is for: affiliation, documents, or both.
        #[arg(long, default_value = "affiliation documents")]
        scope: String,
        /// How long it holds.
        #[arg(long, default_value_t = 60)]
        minutes: u64,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Up(options) => up::up(&options),
        Task::Build => build::build(),
        Task::Test { spin: false } => test::test(),
        Task::Test { spin: true } => test::on_spin(),
        Task::Schema => api::write(),
        Task::Lint { part: None } => lint::lint(),
        Task::Lint { part: Some(part) } => lint::part(&part),
        Task::Coverage { fail_under } => coverage::coverage(fail_under),
        Task::Bench { what } => bench::bench(&what),
        Task::Chaos { requests, rounds } => {
            bench::chaos(&["--requests", &requests.to_string(), "--rounds", &rounds.to_string()])
        }
        Task::Services { action } => services::act(&action),
        Task::Migrate { database_url } => migrate(&database_url),
        Task::RabbitmqUrl => {
            sigpipe::reset();
            services::known().map(|services| println!("{}", services::rabbitmq::url(&services.rabbitmq)))
        }
        Task::Token { scope, minutes } => {
            // Whoever reads it may read no more than one line.
            sigpipe::reset();
            token::development(&scope, minutes).map(|token| println!("{token}"))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn migrate(url: &str) -> Result<(), Failure> {
    let migrated = run::block_on(connectivity_migrations::mysql::migrate(url))?;
    println!("{}", migrated.map_err(|error| Failure(error.to_string()))?);
    Ok(())
}
