//! Benchmarks: the application on the local host, and in the same run a native server that does the same I/O.

use clap::{Parser, Subcommand};
use connectivity_tests::bench::floor::{self, Settings};
use connectivity_tests::bench::load::{self, Outcome};
use connectivity_tests::bench::process::{Peak, watch};
use connectivity_tests::host::{Host, SECRET};
use connectivity_tests::servers::{Servers, USER};
use connectivity_tests::simulator::Simulator;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Benchmarks. Run them with `cargo xtask bench`, which builds and starts what they need.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Affiliation checks on MariaDB and Redis, beside a native server that does the same I/O.
    Affiliation(Options),
    /// The native server.
    #[command(hide = true)]
    Floor,
}

#[derive(clap::Args)]
struct Options {
    /// How long each measurement takes, in seconds.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Numbers of connections to measure at.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 64])]
    connections: Vec<usize>,
    /// How many requests one instance serves at once (--max-instance-concurrent-reuse-count).
    #[arg(long, default_value_t = 4)]
    concurrency: usize,
}

#[tokio::main]
async fn main() {
    match Arguments::parse().what {
        What::Affiliation(options) => affiliation(&options).await,
        What::Floor => {
            let variable = |name| std::env::var(name).expect("started by the benchmark alone");
            let (mysql, redis) = (variable("FLOOR_MYSQL"), variable("FLOOR_REDIS"));
            floor::serve(Settings { mysql, redis, registry: variable("FLOOR_REGISTRY"), secret: SECRET.into() }).await;
        }
    }
}

/// A server under test.
struct Subject {
    name: &'static str,
    host: Host,
    database: String,
}

async fn affiliation(options: &Options) {
    let servers = Servers::running();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let simulator = Simulator::listen(any, Duration::ZERO, false).await.expect("a simulator");
    let subjects =
        [native(&servers, &simulator.url()).await, application(&servers, &simulator.url(), options.concurrency).await];
    println!(
        "{:>11}  {:<8} {:>9} {:>9} {:>9} {:>8} {:>6} {:>7}  ratio",
        "connections", "server", "checks/s", "p50 ms", "p99 ms", "MiB", "DB", "errors"
    );
    for connections in &options.connections {
        let mut reference = None;
        for subject in &subjects {
            let (outcome, peak) = measure(subject, &servers, *connections, options.seconds).await;
            let reference = *reference.get_or_insert(outcome.per_second);
            report(*connections, subject.name, &outcome, peak, outcome.per_second / reference);
        }
    }
}

fn report(connections: usize, name: &str, outcome: &Outcome, peak: Peak, ratio: f64) {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!(
        "{connections:>11}  {name:<8} {:>9.0} {:>9.2} {:>9.2} {:>8} {:>6} {:>7}  {ratio:.2}",
        outcome.per_second,
        milliseconds(outcome.median),
        milliseconds(outcome.p99),
        peak.memory,
        peak.connections,
        outcome.errors
    );
}

async fn measure(subject: &Subject, servers: &Servers, connections: usize, seconds: u64) -> (Outcome, Peak) {
    let peak = Arc::new(Mutex::new(Peak::default()));
    let watching = watch(subject.host.process(), servers.clone(), subject.database.clone(), Arc::clone(&peak));
    let watching = tokio::spawn(watching);
    let outcome = load::run(subject.host.address(), connections, Duration::from_secs(seconds)).await;
    watching.abort();
    let peak = *peak.lock().unwrap_or_else(PoisonError::into_inner);
    (outcome, peak)
}

async fn native(servers: &Servers, registry: &str) -> Subject {
    let database = servers.fresh_database().await;
    let (mysql, redis) = (&servers.mariadb, &servers.redis);
    let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
    command
        .arg("floor")
        .env("FLOOR_MYSQL", format!("mysql://{USER}:{}@{}/{database}", mysql.password, mysql.address()))
        .env("FLOOR_REDIS", format!("redis://:{}@{}/{}", redis.password, redis.address(), servers.fresh_cache()))
        .env("FLOOR_REGISTRY", registry);
    Subject { name: "native", host: Host::run(command), database }
}

async fn application(servers: &Servers, registry: &str, concurrency: usize) -> Subject {
    let database = servers.fresh_database().await;
    let mut variables = servers.variables(servers.mariadb.address(), &database);
    variables.extend([
        ("registry_url", registry.to_owned()),
        ("throttle_user", "1000000000/hour".to_owned()),
        ("log_level", "warn".to_owned()),
    ]);
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let concurrency = concurrency.to_string();
    let arguments = ["--max-instance-concurrent-reuse-count", &concurrency, "--max-instance-reuse-count", "5000"];
    let arguments = [&arguments[..], &["--idle-instance-timeout", "30s"]].concat();
    Subject { name: "wasm", host: Host::start(&variables, &arguments), database }
}
