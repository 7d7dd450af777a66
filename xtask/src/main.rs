//! The commands of this project for developers, operators and CI.

mod api;
mod application;
mod bench;
mod build;
mod cluster;
mod coverage;
mod debian;
mod deploy;
mod dist;
mod failure;
mod lint;
mod manifest;
mod plugin;
mod project;
mod run;
mod running;
mod services;
mod sonar;
mod test;
mod token;
mod tools;
mod up;

use build::{BRIDGE, HOST, SIMULATOR};
use clap::{Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// The commands of this project. Start with `cargo xtask up`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the application and runs it here, with a simulated registry, a token and requests to
    /// try.
    ///
    /// The first build takes several minutes. `--services` adds MariaDB, Redis, RabbitMQ and the
    /// bridge.
    Up(up::Options),
    /// Builds the components, the local host, the bridge and the registry simulator.
    Build,
    /// Runs the whole suite: lints, unit tests, and scenarios on embedded databases and on real
    /// servers.
    Test {
        /// Run only the scenarios, on Spin (4.1 or later on PATH) instead of the local host.
        #[arg(long)]
        spin: bool,
        /// Apply the manifests of k8s/ to pods on this machine instead: a migration, a rollout, a
        /// check, documents, killed pods and a second rollout. Needs root on Debian, and installs
        /// podman.
        #[arg(long, conflicts_with = "spin")]
        cluster: bool,
    },
    /// Writes the OpenAPI document (components/ops/openapi.json) from the components' routes.
    Schema,
    /// Checks formatting, clippy, dependencies, words and file lengths; or one part of the project.
    Lint {
        #[command(subcommand)]
        part: Option<lint::Part>,
    },
    /// Runs the tests instrumented, and writes coverage reports (HTML, Cobertura, LCOV) to
    /// target/coverage.
    ///
    /// Needs cargo-llvm-cov and the toolchain's llvm-tools. The crates of this workspace are built
    /// once more.
    Coverage {
        /// Fail if the share of covered lines is lower, in percent.
        #[arg(long, default_value_t = 80, value_name = "PERCENT")]
        fail_under: u8,
    },
    /// Measures throughput and latency on real servers, beside a native server that does the same
    /// I/O.
    ///
    /// The name of a benchmark and its options follow: `cargo xtask bench affiliation --help`.
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "--help")]
        what: Vec<String>,
    },
    /// Kills each part of the system in turn while documents pass, or tries faults. Fails if anything
    /// is lost, contradicted or wrong.
    ///
    /// With `--faults`, a row for each fault is printed, as in docs/reliability.md. It takes minutes.
    Chaos {
        /// The number of documents.
        #[arg(long, default_value_t = 2_000)]
        requests: u32,
        /// How often each part is killed.
        #[arg(long, default_value_t = 3)]
        rounds: u32,
        /// Try faults instead of kills: `all`, `short` (a few, for some seconds each), or parts of
        /// their names, separated by semicolons. `list` prints the names.
        #[arg(long, value_name = "WHICH")]
        faults: Option<String>,
    },
    /// Tests a registry plugin (a wasm file): its imports and exports, its settings and its answers.
    ///
    /// Options follow the file: `cargo xtask plugin-test --help`.
    PluginTest {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "--help")]
        arguments: Vec<String>,
    },
    /// Starts, stops or shows MariaDB, Redis and RabbitMQ servers with their data under
    /// target/services.
    Services {
        #[command(subcommand)]
        action: services::Action,
    },
    /// Brings the schema of a MySQL or MariaDB database up to date. It is safe to run twice.
    Migrate {
        /// mysql://user:password@host:port/database. Prefer the environment: every user can read
        /// arguments.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
    },
    /// Makes what an operator installs without Rust, in target/dist: bridge, application, bill of
    /// materials, notes, checksums.
    ///
    /// The same commit gives the same names, order and times of files.
    Dist(dist::Options),
    /// Prints the URL of the RabbitMQ server of `cargo xtask services start`, with its password.
    RabbitmqUrl,
    /// Prints an access token for the application of `cargo xtask up`.
    Token {
        /// The scopes, separated by spaces.
        #[arg(long, default_value = "affiliation documents")]
        scope: String,
        /// How long the token is valid.
        #[arg(long, default_value_t = 60)]
        minutes: u64,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match project::check().and_then(|()| execute(arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Task) -> Result<(), Failure> {
    match command {
        Task::Up(options) => up::up(&options),
        Task::Build => build::application(&[HOST, SIMULATOR, BRIDGE]),
        Task::Test { cluster: true, .. } => cluster::test(),
        Task::Test { spin: true, .. } => test::on_spin(),
        Task::Test { .. } => test::test(),
        Task::Schema => api::write(),
        Task::Lint { part: None } => lint::lint(),
        Task::Lint { part: Some(part) } => lint::part(&part),
        Task::Coverage { fail_under } => coverage::coverage(fail_under),
        Task::Bench { what } => bench::bench(&what),
        Task::Chaos { faults: Some(which), .. } => bench::chaos(&["--faults", &which]),
        Task::Chaos { requests, rounds, faults: None } => {
            bench::chaos(&["--requests", &requests.to_string(), "--rounds", &rounds.to_string()])
        }
        Task::PluginTest { arguments } => plugin::test(&arguments),
        Task::Services { action } => services::act(&action),
        Task::Migrate { database_url } => {
            build::native_programs(&[BRIDGE])?;
            application::migrate(&database_url)
        }
        Task::Dist(options) => dist::dist(&options),
        Task::RabbitmqUrl => {
            sigpipe::reset();
            run::print(format_args!("{}", services::rabbitmq::url(&services::known()?.rabbitmq)))
        }
        Task::Token { scope, minutes } => {
            // The reader may close the pipe after one line.
            sigpipe::reset();
            run::print(format_args!("{}", token::development(&scope, minutes)?))
        }
    }
}
