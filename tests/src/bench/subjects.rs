//! The servers under test: the native one, and the application of a build.

use super::load::{Load, Outcome, Requests};
use super::process::Peak;
use super::rows::Store;
use crate::build::Build;
use crate::client::{claims, sign, token};
use crate::host::{Host, SECRET};
use crate::servers::{Servers, USER};
use jsonwebtoken::Algorithm;
use std::path::PathBuf;
use std::process::Command;

#[derive(clap::Args)]
pub struct Options {
    /// The number of rounds. Each measures every server once.
    #[arg(long, default_value_t = 5)]
    pub(super) rounds: usize,
    /// The duration of each measurement, in seconds.
    #[arg(long, default_value_t = 5)]
    pub(super) seconds: u64,
    /// The numbers of connections to measure with.
    #[arg(long, value_delimiter = ',', default_values_t = [32])]
    pub(super) connections: Vec<usize>,
    /// The number of requests that an instance serves at the same time
    /// (--max-instance-concurrent-reuse-count).
    #[arg(long, default_value_t = 4)]
    pub(super) concurrency: usize,
    /// Sends this many citizens in each request to the application, 1 to 100. The native server still
    /// gets one citizen in each: it has no such route.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(super) bulk: Option<u8>,
    /// The number of tokens. Each request carries the next one, and after the last one the first again.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) tokens: u32,
    /// The rate limit of the tokens' account, such as `off`. Without it the default limit applies.
    #[arg(long)]
    pub(super) rate_limit: Option<String>,
    /// The numbers of records that the application holds before a measurement, in ascending order.
    #[arg(long, value_delimiter = ',', default_values_t = [0])]
    pub(super) rows: Vec<u64>,
    /// Keeps the records and the shared state in SQLite instead of MariaDB and Redis.
    #[arg(long)]
    pub(super) sqlite: bool,
    /// Measures the build in this checkout, too.
    #[arg(long, value_name = "FOLDER")]
    pub(super) against: Option<PathBuf>,
    /// Runs the application on Spin instead of the local host. `cargo xtask bench` builds nothing then.
    #[arg(long)]
    pub(super) spin: bool,
}

/// A server under test, and what was measured of it with one number of connections.
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) host: Host,
    pub(super) database: String,
    pub(super) load: Load,
    /// Where the application keeps its records.
    pub(super) store: Option<Store>,
    pub(super) rounds: Vec<Round>,
}

/// What was measured of a server in one round.
pub(super) struct Round {
    pub(super) outcome: Outcome,
    pub(super) peak: Peak,
    /// The CPU time of a check in microseconds: of the server, MariaDB, Redis, and the load generator
    /// with the registry.
    pub(super) cpu: [f64; 4],
}

impl Options {
    /// Starts all servers under test: the native one first, the build of this checkout last.
    pub(super) async fn start(&self, servers: &Servers, registry: &str) -> Vec<Subject> {
        let on = |build: Build| if self.spin { build.on_spin() } else { build };
        let this = on(Build::current());
        println!("The application runs on {}.", this.host_name());
        let mut subjects = vec![native(servers, registry).await];
        if let Some(folder) = &self.against {
            let other = on(Build::in_folder(folder.canonicalize().expect("the folder of a checkout")));
            subjects.push(application("other", &other, servers, registry, self).await);
        }
        subjects.push(application("this", &this, servers, registry, self).await);
        subjects
    }
}

async fn native(servers: &Servers, registry: &str) -> Subject {
    let database = servers.fresh_database().await;
    let (mysql, redis) = (&servers.mariadb, &servers.redis);
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .arg("floor")
        .env("FLOOR_MYSQL", format!("mysql://{USER}:{}@{}/{database}", mysql.password, mysql.address()))
        .env("FLOOR_REDIS", format!("redis://:{}@{}/{}", redis.password, redis.address(), servers.fresh_cache()))
        .env("FLOOR_REGISTRY", registry);
    let load = Load { requests: Requests::Single, tokens: vec![token()] };
    Subject { name: "native", host: Host::run(command), database, load, store: None, rounds: Vec::new() }
}

async fn application(
    name: &'static str,
    build: &Build,
    servers: &Servers,
    registry: &str,
    options: &Options,
) -> Subject {
    let database = servers.fresh_database().await;
    let mut variables = if options.sqlite { Vec::new() } else { servers.variables(&database) };
    variables.extend([
        ("registry_url", registry.to_owned()),
        ("throttle_user", "1000000000/hour".to_owned()),
        ("log_level", "warn".to_owned()),
    ]);
    let concurrency = options.concurrency.to_string();
    let arguments = ["--max-instance-concurrent-reuse-count", &concurrency, "--max-instance-reuse-count", "5000"];
    let arguments = [&arguments[..], &["--idle-instance-timeout", "30s"]].concat();
    let requests = options.bulk.map_or(Requests::Single, |citizens| Requests::Bulk(citizens.into()));
    let load = Load { requests, tokens: tokens(options) };
    let host = Host::start_build(build, &variables, &arguments);
    let store = if options.sqlite {
        Store::Sqlite(host.state().join("sqlite_db.db"))
    } else {
        Store::MariaDb(database.clone())
    };
    Subject { name, host, database, load, store: Some(store), rounds: Vec::new() }
}

fn tokens(options: &Options) -> Vec<String> {
    let mut claims = claims();
    if let Some(limit) = &options.rate_limit {
        claims["rate_limit"] = limit.as_str().into();
    }
    let tokens = (0..options.tokens).map(|number| {
        claims["jti"] = format!("benchmark {number}").into();
        sign(&claims, Algorithm::HS256, SECRET)
    });
    tokens.collect()
}
