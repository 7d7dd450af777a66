//! Measures the cost of the guard's Redis call: the application as it is, and with an affiliation
//! component that was built without the call. Both verify tokens.

use super::load::{self, Load, Requests};
use crate::client::token;
use crate::host::Host;
use crate::servers::{Servers, root};
use govcarpeta_simulator::Simulator;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// One of the two applications.
struct Subject {
    name: &'static str,
    host: Host,
    cache: u16,
    rates: Vec<f64>,
}

/// Measures both applications in `rounds` alternating rounds and prints the ratio of their
/// throughput. `unguarded` is the affiliation component without the call.
pub async fn compare(unguarded: &Path, rounds: u32, seconds: u64, connections: usize) {
    let servers = Servers::running();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let registry = Simulator::listen(any, Duration::ZERO, false).await.expect("a simulator");
    let manifest = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml");
    let built = root().join("target/wasm32-wasip2").display().to_string();
    let manifest = manifest.replace("\"target/wasm32-wasip2", &format!("\"{built}"));
    let component = |path: &Path| format!("\"{}\"", path.display());
    let own = component(&root().join("target/wasm32-wasip2/release/affiliation.wasm"));
    let without = manifest.replace(&own, &component(unguarded));
    assert_ne!(manifest, without, "spin.toml does not name the component {own}");
    let mut subjects = [
        start("on", &manifest, &servers, &registry.url()).await,
        start("off", &without, &servers, &registry.url()).await,
    ];
    println!("{:>5}  {:>12} {:>12}  ratio", "round", "on: checks/s", "off: checks/s");
    let load = Load { requests: Requests::Single, tokens: vec![token()] };
    let mut ratios = Vec::new();
    for round in 0..rounds {
        // The first and the second place in a round alternate, because the machine is warmer for
        // the second.
        for turn in 0..2 {
            let subject = &mut subjects[(round + turn) as usize % 2];
            let outcome = load::run(subject.host.address(), connections, &load, Duration::from_secs(seconds)).await;
            assert_eq!(outcome.errors, 0, "{}: responses without a verdict", subject.name);
            subject.rates.push(outcome.per_second);
        }
        let [on, off] = [0, 1].map(|index: usize| subjects[index].rates.last().copied().unwrap_or_default());
        println!("{round:>5}  {on:>12.0} {off:>12.0}  {:.3}", on / off);
        ratios.push(on / off);
    }
    let counted = subjects.each_ref().map(|subject| servers.callers(subject.cache) > 0);
    assert_eq!(counted, [true, false], "only the first application calls Redis");
    ratios.sort_by(f64::total_cmp);
    let [on, off] = subjects.map(|subject| subject.rates.iter().sum::<f64>());
    println!("ratio of all rounds: {:.3}, median {:.3}", on / off, ratios[ratios.len() / 2]);
}

async fn start(name: &'static str, manifest: &str, servers: &Servers, registry: &str) -> Subject {
    let path = root().join(format!("target/bench-guard-{name}.toml"));
    std::fs::write(&path, manifest).expect("a file");
    let database = servers.fresh_database().await;
    let cache = servers.fresh_cache();
    let mut variables = servers.variables_at(servers.mariadb.address(), servers.redis.address(), &database, cache);
    variables.extend([
        ("registry_url", registry.to_owned()),
        ("throttle_user", "1000000000/hour".to_owned()),
        ("log_level", "warn".to_owned()),
    ]);
    let path = path.display().to_string();
    let arguments = ["--from", &path, "--max-instance-concurrent-reuse-count", "4"];
    let arguments =
        [&arguments[..], &["--max-instance-reuse-count", "5000", "--idle-instance-timeout", "30s"]].concat();
    let host = Host::start(&variables, &arguments);
    Subject { name, host, cache, rates: Vec::new() }
}
