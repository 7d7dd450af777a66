//! Measures documents from the queue of requests to their results, on RabbitMQ, MariaDB and Redis.

use super::process::{Peak, cpu, watched};
use super::spread::Spread;
use crate::broker::Broker;
use crate::build::Build;
use crate::pipeline::{Pipeline, request};
use futures_util::StreamExt;
use govcarpeta_simulator::Simulator;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Options {
    /// The number of rounds. Each measures every build once.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many messages.
    #[arg(long, default_value_t = 5_000)]
    messages: usize,
    /// How long the registry takes over each, in milliseconds.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 50])]
    latency_ms: Vec<u64>,
    /// Measures the build in this checkout, too.
    #[arg(long, value_name = "FOLDER")]
    against: Option<PathBuf>,
    /// Runs the application on Spin instead of the local host. `cargo xtask bench` builds nothing then.
    #[arg(long)]
    spin: bool,
}

/// The number of publishes that wait for their confirm at the same time.
const PUBLISHING: usize = 200;

/// What was measured in one round.
struct Round {
    per_second: f64,
    bridge: Peak,
    host: Peak,
    /// The CPU time of a message in microseconds, of each of [`PROCESSES`].
    cpu: [f64; 6],
    lost: usize,
}

/// What uses the machine: the bridge and the application, their servers, and this process with the
/// publisher, the consumer and the registry.
const PROCESSES: [&str; 6] = ["bridge", "host", "MariaDB", "Redis", "RabbitMQ", "load"];

/// Runs the benchmark and prints its results.
pub async fn run(options: &Options) {
    let on = |build: Build| if options.spin { build.on_spin() } else { build };
    let mut builds = vec![("this", on(Build::current()))];
    if let Some(folder) = &options.against {
        builds.insert(0, ("other", on(Build::in_folder(folder.canonicalize().expect("the folder of a checkout")))));
    }
    println!("The application runs on {}.", builds[0].1.host_name());
    for latency in &options.latency_ms {
        let mut measured: Vec<Vec<Round>> = builds.iter().map(|_| Vec::new()).collect();
        for round in 0..options.rounds {
            for turn in 0..builds.len() {
                let index = (round + turn) % builds.len();
                let (name, build) = &builds[index];
                let done = measure(build, Duration::from_millis(*latency), options.messages).await;
                println!("round {}: {name:<6} {:>6.0} messages/s", round + 1, done.per_second);
                measured[index].push(done);
            }
        }
        println!("\n{latency} ms registry latency: medians (and extremes) of {} rounds", options.rounds);
        println!(
            "{:<6} {:>17} {:>17} {:>10} {:>8} {:>3} {:>4}   CPU us per message: {}",
            "build",
            "messages/s",
            "to other",
            "bridge MiB",
            "host MiB",
            "DB",
            "lost",
            PROCESSES.join(", ")
        );
        for ((name, _), rounds) in builds.iter().zip(&measured) {
            summarize(name, rounds, &measured[0]);
        }
        println!();
    }
}

fn summarize(name: &str, rounds: &[Round], other: &[Round]) {
    let rate = Spread::from_values(rounds.iter().map(|it| it.per_second));
    let ratio = Spread::from_values(rounds.iter().zip(other).map(|(own, other)| own.per_second / other.per_second));
    let highest = |value: &dyn Fn(&Round) -> u64| rounds.iter().map(value).max().unwrap_or_default();
    let cpu = [0, 1, 2, 3, 4, 5]
        .map(|it: usize| format!("{:.0}", Spread::from_values(rounds.iter().map(|round| round.cpu[it])).median));
    println!(
        "{name:<6} {rate:>17} {ratio:>17.2} {:>10} {:>8} {:>3} {:>4}   {}",
        highest(&|it| it.bridge.memory),
        highest(&|it| it.host.memory),
        highest(&|it| it.host.connections),
        rounds.iter().map(|it| it.lost).sum::<usize>(),
        cpu.join(", "),
    );
    if rate.is_noisy() {
        println!("       the rounds differ by more than a quarter: something else used the machine");
    }
}

/// Starts everything, and measures from the first publish to the last result.
async fn measure(build: &Build, latency: Duration, messages: usize) -> Round {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let registry = Simulator::listen(any, latency, false).await.expect("a simulator");
    let pipeline = Pipeline::of_build(build.clone(), registry, &[], &[("RUST_LOG", "warn")]).await;
    pipeline.broker.collect().await.expect("a queue for results");
    // The first document connects and compiles everything, and is not measured.
    pipeline.publish(request("first").to_string().as_bytes()).await;
    pipeline.results(1).await;
    let (bridge, host, servers) = (pipeline.bridge.process(), pipeline.host.process(), &pipeline.servers);
    let [mariadb, redis, rabbitmq] = [&servers.mariadb, &servers.redis, &servers.rabbitmq].map(|it| it.pid);
    let processes = [bridge, host, mariadb, redis, rabbitmq, std::process::id()];
    let before = processes.map(cpu);
    let started = Instant::now();
    let bodies = (0..messages).map(|number| request(&format!("m{number}")).to_string());
    let publishing = futures_util::stream::iter(bodies)
        .map(|body| {
            let broker = &pipeline.broker;
            async move { publish(broker, &body).await }
        })
        .buffer_unordered(PUBLISHING)
        .collect::<Vec<()>>();
    let work = async { tokio::join!(publishing, pipeline.results(messages + 1)).1 };
    let both = watched(bridge, servers, &pipeline.database, watched(host, servers, &pipeline.database, work)).await;
    let ((arrived, host), bridge) = both;
    let count = f64::from(u32::try_from(messages).unwrap_or(u32::MAX));
    let cpu = std::array::from_fn(|it| cpu(processes[it]).saturating_sub(before[it]).as_secs_f64() * 1e6 / count);
    let lost = (messages + 1).saturating_sub(arrived.len());
    Round { per_second: count / started.elapsed().as_secs_f64(), bridge, host, cpu, lost }
}

async fn publish(broker: &Broker, body: &str) {
    let confirmed = broker.publish(body.as_bytes(), &[]).await;
    assert!(confirmed.expect("RabbitMQ"), "RabbitMQ did not confirm and route the request");
}
