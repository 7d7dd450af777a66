//! Measures affiliation checks on MariaDB and Redis, and a native server with the same I/O in
//! alternating rounds.

use super::load;
use super::process::{cpu, watched};
use super::spread::Spread;
use super::subjects::{Options, Round, Subject};
use crate::servers::Servers;
use govcarpeta_simulator::Simulator;
use std::net::SocketAddr;
use std::time::Duration;

/// What uses the machine: the server under test, its servers, and this process with the load
/// generator and the registry.
const PROCESSES: [&str; 4] = ["server", "MariaDB", "Redis", "load"];

/// Runs the benchmark and prints its results.
pub async fn run(options: &Options) {
    let servers = Servers::running();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let registry = Simulator::listen(any, Duration::ZERO, false).await.expect("a simulator");
    let mut subjects = options.start(&servers, &registry.url()).await;
    for subject in &subjects {
        // SQLite gets its tables with the first request.
        load::run(subject.host.address(), 1, &subject.load, Duration::ZERO).await;
    }
    let mut filled = 0;
    for rows in &options.rows {
        for store in subjects.iter().filter_map(|subject| subject.store.as_ref()) {
            store.fill(&servers, filled, *rows).await;
        }
        filled = filled.max(*rows);
        for connections in &options.connections {
            measure(&mut subjects, &servers, *connections, options).await;
            println!("\n{connections} connections, {filled} rows: medians (and extremes) of {} rounds", options.rounds);
            summarize(&subjects);
            for subject in &mut subjects {
                subject.rounds.clear();
            }
        }
    }
}

async fn measure(subjects: &mut [Subject], servers: &Servers, connections: usize, options: &Options) {
    for round in 0..options.rounds {
        // Each server is first in turn, because the machine is warmer for the later ones.
        for turn in 0..subjects.len() {
            let count = subjects.len();
            let subject = &mut subjects[(round + turn) % count];
            let process = subject.host.process();
            let processes = [process, servers.mariadb.pid, servers.redis.pid, std::process::id()];
            let before = processes.map(cpu);
            let duration = Duration::from_secs(options.seconds);
            let load = load::run(subject.host.address(), connections, &subject.load, duration);
            let (outcome, peak) = watched(process, servers, &subject.database, load).await;
            let used = [0, 1, 2, 3].map(|index: usize| cpu(processes[index]).saturating_sub(before[index]));
            let cpu = used.map(|used| used.as_secs_f64() * 1e6 / outcome.all.max(1.0));
            println!("round {}: {:<6} {:>6.0} checks/s", round + 1, subject.name, outcome.per_second);
            subject.rounds.push(Round { outcome, peak, cpu });
        }
    }
}

/// Prints the medians of all rounds, the lowest and the highest values, and how the servers compare
/// with the native one and with the other build in the same round.
fn summarize(subjects: &[Subject]) {
    println!(
        "{:<6} {:>20} {:>17} {:>17} {:>6} {:>6} {:>4} {:>3} {:>6}   CPU us per check: {}",
        "server",
        "checks/s",
        "to native",
        "to other",
        "p50 ms",
        "p99 ms",
        "MiB",
        "DB",
        "errors",
        PROCESSES.join(", ")
    );
    for subject in subjects {
        let rates = |subject: &Subject| subject.rounds.iter().map(|it| it.outcome.per_second).collect::<Vec<_>>();
        let ratio = |other: Option<&Subject>| {
            let pairs = rates(subject).into_iter().zip(other.map(rates).unwrap_or_default());
            format!("{:>17.2}", Spread::from_values(pairs.map(|(own, other)| own / other)))
        };
        let median = |value: &dyn Fn(&Round) -> f64| Spread::from_values(subject.rounds.iter().map(value)).median;
        let highest = |value: &dyn Fn(&Round) -> u64| subject.rounds.iter().map(value).max().unwrap_or_default();
        let rate = Spread::from_values(rates(subject));
        println!(
            "{:<6} {rate:>20} {} {:>17} {:>6.1} {:>6.1} {:>4} {:>3} {:>6}   {}",
            subject.name,
            ratio(subjects.first()),
            if subjects.len() > 2 { ratio(subjects.get(1)) } else { String::new() },
            median(&|it| it.outcome.median.as_secs_f64() * 1e3),
            median(&|it| it.outcome.p99.as_secs_f64() * 1e3),
            highest(&|it| it.peak.memory),
            highest(&|it| it.peak.connections),
            subject.rounds.iter().map(|it| it.outcome.errors).sum::<usize>(),
            [0, 1, 2, 3].map(|process: usize| format!("{:.0}", median(&|it| it.cpu[process]))).join(", "),
        );
        if rate.is_noisy() {
            println!("       the rounds differ by more than a quarter: something else used the machine");
        }
    }
    println!();
}
