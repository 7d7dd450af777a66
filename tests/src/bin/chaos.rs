//! Makes everything fail that a request passes, and compares the answers and the events with the
//! records.
//!
//! Without `--faults` it publishes requests while it kills the processes, one after another. This
//! breaks the servers that `cargo xtask services start` started, so nothing else may use them at the
//! same time. Run it with `cargo xtask chaos`.

use clap::Parser;
use connectivity_tests::broker::Arrived;
use connectivity_tests::pipeline::{Pipeline, request};
use connectivity_tests::rig::faults::{self, Fault, TABLE};
use connectivity_tests::rig::{self, Row};
use connectivity_tests::servers::Servers;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// The time limit for all results after the last kill.
const SETTLE_TIMEOUT: Duration = Duration::from_mins(4);

/// How long a fault lasts in the short form.
const SHORT: Duration = Duration::from_secs(3);

/// Kills the bridge, the components and the servers while documents pass them, and counts lost and
/// contradictory results.
#[derive(Parser)]
struct Arguments {
    /// The number of requests.
    #[arg(long, default_value_t = 2_000)]
    requests: usize,
    /// How often each of the five is killed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The program that restarts the servers, called as `<program> services start`.
    #[arg(long)]
    restart: String,
    /// Tries faults instead of the kills: `short`, `all`, or parts of their names, separated by
    /// semicolons. `list` prints the names.
    #[arg(long)]
    faults: Option<String>,
}

const VICTIMS: [&str; 5] = ["bridge", "components", "MariaDB", "RabbitMQ", "Redis"];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.faults.as_deref() {
        Some("list") => {
            for fault in TABLE {
                println!("{}", fault.name);
            }
            ExitCode::SUCCESS
        }
        Some("short") => {
            let named = |name| TABLE.iter().find(|fault| fault.name == name);
            let faults: Vec<_> = faults::SHORT.into_iter().filter_map(named).collect();
            println!("{}", rig::header());
            let rows = rig::run_together(&faults, SHORT, &arguments.restart).await;
            for row in &rows {
                println!("{row}");
            }
            report_failures(&rows)
        }
        Some(which) => try_faults(&chosen(which), &arguments.restart).await,
        None => kills(&arguments).await,
    }
}

/// Returns the faults of this choice.
fn chosen(which: &str) -> Vec<&'static Fault> {
    let parts: Vec<_> = which.split(';').map(str::trim).collect();
    let is_chosen = |fault: &&Fault| which == "all" || parts.iter().any(|part| fault.name.contains(part));
    TABLE.iter().filter(is_chosen).collect()
}

/// Tries these faults, each on an application of its own, and prints a row for each.
async fn try_faults(faults: &[&Fault], restart: &str) -> ExitCode {
    println!("{}", rig::header());
    let mut rows = Vec::new();
    for fault in faults {
        let row = rig::run(fault, restart).await;
        println!("{row}");
        rows.push(row);
    }
    report_failures(&rows)
}

/// Prints what is not as it has to be.
fn report_failures(rows: &[Row]) -> ExitCode {
    let failures: Vec<_> = rows.iter().flat_map(Row::failures).collect();
    for failure in &failures {
        println!("FAILED {failure}");
    }
    println!("{} rows, {} failures", rows.len(), failures.len());
    if failures.is_empty() && !rows.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Publishes requests while everything that they pass is killed, one after another.
async fn kills(arguments: &Arguments) -> ExitCode {
    // With the default settings, so that the outcome is that of an installation.
    let mut pipeline = Pipeline::start(&[]).await;
    let kills = arguments.rounds * VICTIMS.len();
    let (mut attempted, mut acknowledged) = (0, BTreeSet::new());
    for kill in 0..=kills {
        let share = arguments.requests * (kill + 1) / (kills + 1);
        while attempted < share {
            let title = format!("r{attempted}");
            attempted += 1;
            if publish(&mut pipeline, &title).await {
                acknowledged.insert(title);
            }
        }
        if kill < kills {
            let victim = VICTIMS[kill % VICTIMS.len()];
            println!("{attempted} requests published: kill -9 {victim}");
            kill_and_restart(&mut pipeline, victim, &arguments.restart);
        }
    }
    report(&mut pipeline, attempted, &acknowledged).await
}

/// Publishes a request until RabbitMQ confirms it. Without a confirm the request may be in the
/// queue or not, so it is published again.
async fn publish(pipeline: &mut Pipeline, title: &str) -> bool {
    let body = request(title).to_string();
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(1) {
        if pipeline.broker.publish(body.as_bytes(), &[]).await.unwrap_or(false) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        pipeline.reconnect().await;
    }
    false
}

fn kill_and_restart(pipeline: &mut Pipeline, victim: &str, restart: &str) {
    let servers = Servers::running();
    let process = match victim {
        "bridge" => return pipeline.kill_bridge(),
        "components" => {
            pipeline.kill_host();
            return pipeline.restart_host();
        }
        "MariaDB" => servers.mariadb.pid,
        "RabbitMQ" => servers.rabbitmq.pid,
        _ => servers.redis.pid,
    };
    let killed = Command::new("kill").args(["-9", &process.to_string()]).status().expect("kill runs");
    assert!(killed.success(), "{victim} was not running");
    let started = Command::new(restart).args(["services", "start"]).status().expect("the program of --restart runs");
    assert!(started.success(), "{victim} did not restart");
}

/// Waits until every acknowledged request has a result, and prints the outcome.
async fn report(pipeline: &mut Pipeline, attempted: usize, acknowledged: &BTreeSet<String>) -> ExitCode {
    let started = Instant::now();
    let (mut records, mut events) = (BTreeMap::new(), BTreeMap::new());
    while started.elapsed() < SETTLE_TIMEOUT {
        pipeline.reconnect().await;
        records = pipeline.statuses().await.into_iter().collect();
        events = by_request(&pipeline.broker.arrived());
        let done =
            |title: &String| records.get(title).is_some_and(|status| status != "PENDING") && events.contains_key(title);
        if acknowledged.iter().all(done) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let dead = pipeline.dead_letters().await;
    let lost: Vec<_> = acknowledged.iter().filter(|title| !events.contains_key(*title)).collect();
    let pending = records.values().filter(|status| *status == "PENDING").count();
    let contradictory = events.iter().filter(|(title, bodies)| {
        let agree = bodies.keys().all(|body| body.contains(&format!("\"status\":\"{}\"", records[*title])));
        bodies.len() > 1 || !agree
    });
    let contradictory = contradictory.count();
    let repeated: usize = events.values().map(|bodies| bodies.values().sum::<usize>() - 1).sum();
    let registry_calls = pipeline.simulator.count();
    println!(
        "attempted {attempted}  acknowledged {}  lost {}  contradictory {contradictory}  repeated {repeated}",
        acknowledged.len(),
        lost.len()
    );
    println!("records {}  pending {pending}  dead letters {dead}  registry calls {registry_calls}", records.len());
    let failed = records.values().filter(|status| *status != "SUCCESS").count();
    let good = acknowledged.len() == attempted && lost.is_empty() && contradictory == 0 && failed == 0;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns for each request the bodies of its events, and how often each arrived.
fn by_request(arrived: &[Arrived]) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut events: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for event in arrived {
        let title = event.body["messageId"].as_str().unwrap_or_default().to_owned();
        *events.entry(title).or_default().entry(event.body.to_string()).or_default() += 1;
    }
    events
}
