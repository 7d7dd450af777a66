//! Everything that a document passes: RabbitMQ, the bridge, the components, the registry and the
//! database.

use crate::access::{SECRETS, service_accounts};
use crate::broker::{self, Broker, Names, REQUESTED};
use crate::build::Build;
use crate::client::Client;
use crate::host::Host;
use crate::proxy::Proxy;
use crate::servers::Servers;
use govcarpeta_simulator::Simulator;
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The time limit of [`until`]. Every test expects its condition sooner.
const UNTIL_TIMEOUT: Duration = Duration::from_mins(2);

/// A running application with its bridge, and a client of the same RabbitMQ.
pub struct Pipeline {
    pub simulator: Simulator,
    pub host: Host,
    pub bridge: Host,
    pub broker: Broker,
    pub names: Names,
    pub servers: Servers,
    /// The name of the database on MariaDB.
    pub database: String,
    build: Build,
    variables: Vec<(&'static str, String)>,
    settings: Vec<(&'static str, String)>,
    links: Option<Links>,
}

/// A proxy on each link of the application.
pub struct Links {
    /// From the callers to the components.
    pub callers: Proxy,
    pub mariadb: Proxy,
    pub redis: Proxy,
    pub registry: Proxy,
    /// From the bridge to RabbitMQ.
    pub rabbitmq: Proxy,
    /// From the bridge to the components.
    pub components: Proxy,
}

/// Returns the message of a request. `title` is the document's title and the message id.
pub fn request(title: &str) -> Value {
    json!({"messageId": title, "documentId": format!("d-{title}"), "idCitizen": 1_128_456_232,
           "UrlDocument": "https://bucket.example/file.pdf?X-Amz-Signature=presigned", "documentTitle": title})
}

/// Waits until a condition holds. `what` describes it in the panic message.
pub async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_true().await {
        assert!(started.elapsed() < UNTIL_TIMEOUT, "not within {UNTIL_TIMEOUT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Pipeline {
    /// Starts everything, with further settings of the bridge.
    pub async fn start(settings: &[(&'static str, &str)]) -> Self {
        let pipeline = Self::without_results(settings).await;
        pipeline.broker.collect().await.expect("a queue for results");
        pipeline
    }

    /// Like [`Self::start`], without a queue for results.
    pub async fn without_results(settings: &[(&'static str, &str)]) -> Self {
        Self::with_registry(Simulator::start().await.expect("a simulator"), settings).await
    }

    /// Like [`Self::without_results`], with this registry.
    pub async fn with_registry(simulator: Simulator, settings: &[(&'static str, &str)]) -> Self {
        Self::with_variables(simulator, &[], settings).await
    }

    /// Like [`Self::with_registry`], with further variables of the components.
    pub async fn with_variables(
        simulator: Simulator,
        further: &[(&'static str, &str)],
        settings: &[(&'static str, &str)],
    ) -> Self {
        Self::of_build(Build::current(), simulator, further, settings).await
    }

    /// Like [`Self::with_variables`], with the programs and components of this build.
    pub async fn of_build(
        build: Build,
        simulator: Simulator,
        further: &[(&'static str, &str)],
        settings: &[(&'static str, &str)],
    ) -> Self {
        let servers = Servers::running();
        let names = Names::fresh();
        let broker = Broker::connect(&servers, &names).await.expect("RabbitMQ");
        let database = servers.fresh_database().await;
        let mut variables = servers.variables(&database);
        variables.extend([
            ("registry_url", simulator.url()),
            ("registry_timeout_ms", "1000".to_owned()),
            ("service_accounts", service_accounts()),
            ("log_level", "warn".to_owned()),
        ]);
        variables.extend(further.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let host = start_host(&build, &variables, "127.0.0.1:0");
        let mut settings: Vec<_> = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        // Before those of the test, which take precedence.
        settings.insert(0, ("RABBITMQ_URL", broker::url(&servers, servers.rabbitmq.address())));
        settings.insert(0, ("COMPONENTS_URL", host.url("")));
        let bridge = start_bridge(&build, &names, &settings);
        Self { simulator, host, bridge, broker, names, servers, database, build, variables, settings, links: None }
    }

    /// Like [`Self::without_results`], with a proxy on each link, with further variables of the
    /// components, and with the same address of the bridge after each restart.
    pub async fn behind_proxies(variables: &[(&'static str, &str)], settings: &[(&'static str, &str)]) -> Self {
        Self::behind_proxies_to(Servers::running(), variables, settings).await
    }

    /// Like [`Self::behind_proxies`], with these servers.
    pub async fn behind_proxies_to(
        servers: Servers,
        variables: &[(&'static str, &str)],
        settings: &[(&'static str, &str)],
    ) -> Self {
        let proxy = async |target| Proxy::start(target).await.expect("a proxy");
        let names = Names::fresh();
        let broker = Broker::connect(&servers, &names).await.expect("RabbitMQ");
        let simulator = Simulator::start().await.expect("a simulator");
        let database = servers.fresh_database().await;
        let [mariadb, redis] = [proxy(servers.mariadb.address()).await, proxy(servers.redis.address()).await];
        let [registry, rabbitmq] = [proxy(simulator.address()).await, proxy(servers.rabbitmq.address()).await];
        let mut all = servers.variables_at(mariadb.address(), redis.address(), &database, servers.fresh_cache());
        all.extend([
            ("registry_url", format!("http://{}", registry.address())),
            ("service_accounts", service_accounts()),
            ("throttle_user", "1000000/hour".to_owned()),
            ("log_level", "warn".to_owned()),
        ]);
        all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let build = Build::current();
        let host = start_host(&build, &all, "127.0.0.1:0");
        let [callers, components] = [proxy(host.address()).await, proxy(host.address()).await];
        let mut settings: Vec<_> = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        settings.push(("RABBITMQ_URL", broker::url(&servers, rabbitmq.address())));
        settings.push(("COMPONENTS_URL", format!("http://{}", components.address())));
        let bridge = start_bridge(&build, &names, &settings);
        settings.push(("BRIDGE_LISTEN", bridge.address().to_string()));
        let links = Some(Links { callers, mariadb, redis, registry, rabbitmq, components });
        Self { simulator, host, bridge, broker, names, servers, database, build, variables: all, settings, links }
    }

    /// Returns the proxies of a pipeline that was started with [`Self::behind_proxies`].
    pub fn links(&self) -> &Links {
        self.links.as_ref().expect("behind_proxies")
    }

    /// Kills the host of the components.
    pub fn kill_host(&mut self) {
        self.host.kill();
    }

    /// Starts the components again, at the same address.
    pub fn restart_host(&mut self) {
        self.host = start_host(&self.build, &self.variables, &self.host.address().to_string());
    }

    /// Starts a second host, sends new connections there, and ends the first one with SIGTERM, as a
    /// rolling restart behind a proxy does.
    pub async fn replace_host(&mut self) {
        let second = start_host(&self.build, &self.variables, "127.0.0.1:0");
        let links = self.links();
        links.callers.retarget(second.address());
        links.components.retarget(second.address());
        let mut first = std::mem::replace(&mut self.host, second);
        let ended = tokio::task::spawn_blocking(move || first.terminate()).await.expect("a status");
        assert!(ended.success(), "{ended}");
    }

    /// Changes a setting of the bridge. Its next start reads it.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.push((name, value.to_owned()));
    }

    /// Kills the bridge and starts another one.
    pub fn kill_bridge(&mut self) {
        self.bridge.kill();
        self.restart_bridge();
    }

    /// Starts another bridge.
    pub fn restart_bridge(&mut self) {
        self.bridge = start_bridge(&self.build, &self.names, &self.settings);
    }

    /// Replaces the client of RabbitMQ if its connection is lost. The collected results are kept.
    pub async fn reconnect(&mut self) {
        if self.broker.is_alive() {
            return;
        }
        if let Ok(broker) = Broker::connect(&self.servers, &self.names).await {
            broker.keep(self.broker.arrived());
            if broker.collect().await.is_ok() {
                self.broker = broker;
            }
        }
    }

    /// Runs a command of the bridge and returns its standard output.
    pub fn command(&self, arguments: &[&str]) -> String {
        self.command_with(&[], arguments)
    }

    /// Like [`Self::command`], with further settings.
    pub fn command_with(&self, settings: &[(&str, &str)], arguments: &[&str]) -> String {
        let output = self.output(settings, arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command of the bridge that fails, and returns its standard error.
    pub fn failure(&self, settings: &[(&str, &str)], arguments: &[&str]) -> String {
        let output = self.output(settings, arguments);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn output(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = bridge_command(&self.build, &self.names, &self.settings);
        command.envs(settings.iter().copied());
        command.args(arguments).output().expect("the bridge")
    }

    /// Publishes a request, as soon as the bridge has declared the queue.
    pub async fn publish(&self, body: &[u8]) {
        until("the request is published", async || self.broker.publish(body, &[]).await.unwrap_or(false)).await;
    }

    /// Returns the message id and the status of every record.
    pub async fn statuses(&self) -> Vec<(String, String)> {
        let sql = "SELECT CONCAT(message_id, ' ', status) FROM document_authentications ORDER BY message_id";
        let rows = self.servers.query(&self.database, sql).await;
        rows.iter()
            .filter_map(|row| row.split_once(' '))
            .map(|(id, status)| (id.to_owned(), status.to_owned()))
            .collect()
    }

    /// Waits until at least `count` results have arrived, and returns all.
    pub async fn results(&self, count: usize) -> Vec<broker::Arrived> {
        until(&format!("{count} results"), async || self.broker.arrivals() >= count).await;
        self.broker.arrived()
    }

    /// Returns the components' metrics in Prometheus' text format.
    pub async fn metrics(&self) -> String {
        let answer = Client::default().get(&self.host.url("/metrics")).await;
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// Returns the number of messages in the dead-letter queue.
    pub async fn dead_letters(&self) -> u32 {
        self.broker.count(&format!("{}.dead", self.names.queue)).await.unwrap_or(0)
    }
}

fn start_host(build: &Build, variables: &[(&'static str, String)], listen: &str) -> Host {
    let reuse = ["--max-instance-concurrent-reuse-count", "4", "--max-instance-reuse-count", "5000"];
    let arguments = [&reuse[..], &["--idle-instance-timeout", "30s", "--listen", listen]].concat();
    Host::start_build(build, variables, &arguments)
}

fn bridge_command(build: &Build, names: &Names, settings: &[(&'static str, String)]) -> Command {
    let mut command = build.program("connectivity-bridge");
    command
        .env("RABBITMQ_EXCHANGE", &names.exchange)
        .env("RABBITMQ_DOCUMENT_AUTH_QUEUE", &names.queue)
        .env("RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY", REQUESTED)
        .env("BRIDGE_CLIENT_ID", "bridge")
        .env("BRIDGE_CLIENT_SECRET", SECRETS.bridge)
        .env("BRIDGE_LISTEN", "127.0.0.1:0");
    for (name, value) in settings {
        command.env(name, value);
    }
    command
}

fn start_bridge(build: &Build, names: &Names, settings: &[(&'static str, String)]) -> Host {
    let mut command = bridge_command(build, names, settings);
    command.arg("run");
    Host::run(command)
}
