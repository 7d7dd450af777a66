//! Benchmarks of the application on the local host, with a native server of the same I/O in the
//! same run.

use clap::{Parser, Subcommand};
use connectivity_tests::bench::floor::{self, Settings};
use connectivity_tests::bench::guard;
use connectivity_tests::bench::load::{self, Outcome, Requests};
use connectivity_tests::bench::login;
use connectivity_tests::bench::process::{Peak, watch};
use connectivity_tests::broker::Broker;
use connectivity_tests::host::{Host, SECRET};
use connectivity_tests::pipeline::{Pipeline, request};
use connectivity_tests::servers::{Servers, USER};
use futures_util::StreamExt;
use govcarpeta_simulator::Simulator;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    Affiliation(Options),
    /// Measures documents from the queue of requests to their results, on RabbitMQ, MariaDB and
    /// Redis.
    Documents(Messages),
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
struct Options {
    /// The duration of each measurement, in seconds.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// The numbers of connections to measure with.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 64])]
    connections: Vec<usize>,
    /// The number of requests that an instance serves at the same time
    /// (--max-instance-concurrent-reuse-count).
    #[arg(long, default_value_t = 4)]
    concurrency: usize,
    /// Sends this many citizens in each request to the application, 1 to 100. The native server still
    /// gets one citizen in each: it has no such route.
    #[arg(long)]
    bulk: Option<usize>,
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

#[derive(clap::Args)]
struct Messages {
    /// How many messages.
    #[arg(long, default_value_t = 5_000)]
    messages: usize,
    /// How long the registry takes over each, in milliseconds.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 50])]
    latency_ms: Vec<u64>,
}

#[tokio::main]
async fn main() {
    match Arguments::parse().what {
        What::Guard(options) => {
            guard::compare(&options.unguarded, options.rounds, options.seconds, options.connections).await;
        }
        What::Documents(messages) => documents(&messages).await,
        What::Login { logins } => login::measure(logins).await,
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
    requests: Requests,
}

async fn affiliation(options: &Options) {
    let servers = Servers::running();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let simulator = Simulator::listen(any, Duration::ZERO, false).await.expect("a simulator");
    let subjects = [native(&servers, &simulator.url()).await, application(&servers, &simulator.url(), options).await];
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
    let outcome = load::run(subject.host.address(), connections, subject.requests, Duration::from_secs(seconds)).await;
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
    Subject { name: "native", host: Host::run(command), database, requests: Requests::Single }
}

async fn application(servers: &Servers, registry: &str, options: &Options) -> Subject {
    let database = servers.fresh_database().await;
    let mut variables = servers.variables(&database);
    variables.extend([
        ("registry_url", registry.to_owned()),
        ("throttle_user", "1000000000/hour".to_owned()),
        ("log_level", "warn".to_owned()),
    ]);
    let concurrency = options.concurrency.to_string();
    let arguments = ["--max-instance-concurrent-reuse-count", &concurrency, "--max-instance-reuse-count", "5000"];
    let arguments = [&arguments[..], &["--idle-instance-timeout", "30s"]].concat();
    let requests = options.bulk.map_or(Requests::Single, Requests::Bulk);
    Subject { name: "wasm", host: Host::start(&variables, &arguments), database, requests }
}

/// The number of publishes that wait for their confirm at the same time.
const PUBLISHING: usize = 200;

async fn documents(options: &Messages) {
    println!(
        "{:>10}  {:>10} {:>12} {:>11} {:>9} {:>4}",
        "latency ms", "messages/s", "bridge MiB", "host MiB", "DB", "lost"
    );
    for latency in &options.latency_ms {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let registry = Simulator::listen(any, Duration::from_millis(*latency), false).await.expect("a simulator");
        let pipeline = Pipeline::with_registry(registry, &[("RUST_LOG", "warn")]).await;
        pipeline.broker.collect().await.expect("a queue for results");
        // The first document connects and compiles everything, and is not measured.
        pipeline.publish(request("first").to_string().as_bytes()).await;
        pipeline.results(1).await;
        let [bridge, host] = [&pipeline.bridge, &pipeline.host].map(|subject| {
            let peak = Arc::new(Mutex::new(Peak::default()));
            let watched =
                watch(subject.process(), pipeline.servers.clone(), pipeline.database.clone(), Arc::clone(&peak));
            (tokio::spawn(watched), peak)
        });
        let started = Instant::now();
        let bodies = (0..options.messages).map(|number| request(&format!("m{number}")).to_string());
        let publishing = futures_util::stream::iter(bodies)
            .map(|body| {
                let broker = &pipeline.broker;
                async move { publish(broker, &body).await }
            })
            .buffer_unordered(PUBLISHING)
            .collect::<Vec<()>>();
        let ((), arrived) = tokio::join!(async { drop(publishing.await) }, pipeline.results(options.messages + 1));
        let seconds = started.elapsed().as_secs_f64();
        let count = u32::try_from(options.messages).unwrap_or(u32::MAX);
        let lost = (options.messages + 1).saturating_sub(arrived.len());
        let peak = |(watching, peak): (tokio::task::JoinHandle<()>, Arc<Mutex<Peak>>)| {
            watching.abort();
            *peak.lock().unwrap_or_else(PoisonError::into_inner)
        };
        let (bridge, host) = (peak(bridge), peak(host));
        println!(
            "{latency:>10}  {:>10.0} {:>12} {:>11} {:>9} {lost:>4}",
            f64::from(count) / seconds,
            bridge.memory,
            host.memory,
            host.connections
        );
    }
}

async fn publish(broker: &Broker, body: &str) {
    let confirmed = broker.publish(body.as_bytes(), &[]).await;
    assert!(confirmed.expect("RabbitMQ"), "RabbitMQ did not confirm and route the request");
}
