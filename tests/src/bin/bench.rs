//! Benchmarks of the application on the local host or on Spin, with a native server of the same I/O
//! in the same run.

use clap::{Parser, Subcommand};
use connectivity_tests::bench::floor::{self, Settings};
use connectivity_tests::bench::{affiliation, documents, guard, login, subjects};
use connectivity_tests::host::SECRET;
use std::path::PathBuf;

/// Runs a benchmark. Use `cargo xtask bench`, which builds the programs and starts the servers
/// first.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Measures affiliation checks on MariaDB and Redis, and a native server with the same I/O.
    Affiliation(subjects::Options),
    /// Measures documents from the queue of requests to their results, on RabbitMQ, MariaDB and
    /// Redis.
    Documents(documents::Options),
    /// Measures affiliation checks with and without the guard's Redis call.
    Guard(Comparison),
    /// Measures logins with a secret, and the share of its hash.
    Login {
        /// The number of logins.
        #[arg(long, default_value_t = 100)]
        logins: u32,
    },
    /// Runs the native server.
    #[command(hide = true)]
    Floor,
}

#[derive(clap::Args)]
struct Comparison {
    /// The number of rounds. Each measures both.
    #[arg(long, default_value_t = 6)]
    rounds: u32,
    /// The duration of each measurement, in seconds.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// The number of connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// The component without the Redis call. `cargo xtask bench guard` builds it.
    #[arg(long, env = "UNGUARDED_AFFILIATION", hide = true)]
    unguarded: PathBuf,
}

#[tokio::main]
async fn main() {
    match Arguments::parse().what {
        What::Guard(options) => {
            guard::compare(&options.unguarded, options.rounds, options.seconds, options.connections).await;
        }
        What::Documents(options) => documents::run(&options).await,
        What::Login { logins } => login::measure(logins).await,
        What::Affiliation(options) => affiliation::run(&options).await,
        What::Floor => {
            let variable = |name| std::env::var(name).expect("started by the benchmark alone");
            let (mysql, redis) = (variable("FLOOR_MYSQL"), variable("FLOOR_REDIS"));
            floor::serve(Settings { mysql, redis, registry: variable("FLOOR_REGISTRY"), secret: SECRET.into() }).await;
        }
    }
}
