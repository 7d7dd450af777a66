//! Everything over TLS with a private certification authority, and with accounts that have the
//! documented permissions and no others: MariaDB, Redis and RabbitMQ accept nothing else.

use bytes::Bytes;
use connectivity_tests::access::{OPERATOR, SECRETS, service_accounts};
use connectivity_tests::certificates::{Authority, Certified};
use connectivity_tests::client::{Client, check_request};
use connectivity_tests::documented::{arguments, deployment};
use connectivity_tests::folder::{Temporary, temporary};
use connectivity_tests::host::Host;
use connectivity_tests::own::{Own, RabbitMq, Redis, mariadb, redis};
use connectivity_tests::pipeline::until;
use connectivity_tests::servers::root;
use govcarpeta_simulator::Simulator;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use std::process::{Command, Output, Stdio};

/// The password of all accounts. A test value: it protects nothing.
const PASSWORD: &str = "a p@ssword/with?marks";

/// The same in a URL.
const ENCODED: &str = "a%20p%40ssword%2Fwith%3Fmarks";

/// The servers and the files of their authority.
struct Servers {
    folder: Temporary,
    authority: Authority,
    client: Certified,
    mariadb: Own,
    redis: Own,
    rabbitmq: RabbitMq,
}

impl Servers {
    async fn start() -> Self {
        let folder = temporary();
        let authority = Authority::new(&folder);
        let (server, client) = (authority.certify("server"), authority.certify("bridge"));
        // The accounts as docs/deployment.md creates them.
        let accounts = deployment("CREATE USER").replace("'…'", &format!("'{PASSWORD}'")).replace('%', "127.0.0.1");
        let statements = format!("CREATE DATABASE connectivity;\n{accounts}");
        let rules = deployment("ACL SETUSER").replace("ACL SETUSER", "user").replace("PASSWORD", "secret-of-redis");
        let rules = format!("user default off\n{rules}");
        let how = Redis::Tls(&server, &rules);
        let commands = arguments(&deployment("set_topic_permissions bridge"), "rabbitmqctl");
        let (mariadb, redis, rabbitmq) = tokio::join!(
            mariadb(&server, &statements),
            redis("redis-server", &how),
            RabbitMq::start(&authority, &server, &commands, PASSWORD)
        );
        Self { folder, authority, client, mariadb, redis, rabbitmq }
    }

    fn database_url(&self, parameters: &str) -> String {
        format!("mysql://migration:{ENCODED}@127.0.0.1:{}/connectivity{parameters}", self.mariadb.port)
    }

    /// Returns a command of the bridge with an account of RabbitMQ.
    fn bridge(&self, account: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(root().join("target/release/connectivity-bridge"));
        let url = format!("amqps://{account}:{ENCODED}@localhost:{}/%2f", self.rabbitmq.server.port);
        command
            .args(arguments)
            .env_remove("SSL_CERT_FILE")
            .env("RABBITMQ_URL", url)
            .env("TLS_CA_FILE", self.authority.file())
            .env("TLS_CERTIFICATE_FILE", &self.client.certificate)
            .env("TLS_KEY_FILE", &self.client.key);
        command
    }

    fn variables(&self, registry: String) -> Vec<(&'static str, String)> {
        vec![
            ("mysql_address", format!("mysql://127.0.0.1:{}", self.mariadb.port)),
            ("mysql_tls", "required".to_owned()),
            ("mysql_user", "connectivity".to_owned()),
            ("mysql_password", PASSWORD.to_owned()),
            ("mysql_database", "connectivity".to_owned()),
            ("redis_address", format!("rediss://localhost:{}", self.redis.port)),
            ("redis_user", "connectivity".to_owned()),
            ("redis_password", "secret-of-redis".to_owned()),
            ("registry_url", registry),
            ("service_accounts", service_accounts()),
            ("throttle_user", "1000/day".to_owned()),
            ("affiliation_cache_seconds", "60".to_owned()),
        ]
    }
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("the bridge");
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(!text.contains("panicked") && !text.contains(PASSWORD) && !text.contains(ENCODED), "{text}");
    (status.code(), text)
}

/// Asserts that a command ends with this exit code and a message that contains these words.
#[track_caller]
fn fails(command: &mut Command, code: i32, words: &str) {
    let (found, text) = run(command);
    assert!(found == Some(code) && text.to_lowercase().contains(words), "{found:?} {text}");
}

fn migrate(servers: &Servers, parameters: &str) -> Command {
    let mut command = servers.bridge("bridge", &["migrate"]);
    command.env("DATABASE_URL", servers.database_url(parameters));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn all_servers_may_insist_on_tls_with_a_private_authority_and_the_documented_permissions() {
    let servers = Servers::start().await;

    // The migration.
    fails(&mut migrate(&servers, ""), 1, "access denied");
    fails(&mut migrate(&servers, "?ssl-mode=sometimes"), 64, "ssl-mode");
    fails(migrate(&servers, "?ssl-mode=REQUIRED").env_remove("TLS_CA_FILE"), 1, "unknownissuer");
    fails(migrate(&servers, "?ssl-mode=REQUIRED").env("TLS_CA_FILE", "/nowhere.pem"), 64, "tls_ca_file");
    for (parameters, says) in [("?ssl-mode=REQUIRED", "applied"), ("?require_ssl=true", "up to date")] {
        let (code, text) = run(&mut migrate(&servers, parameters));
        assert!(code == Some(0) && text.contains(says), "{text}");
    }

    // The bridge, without what the broker or the bridge insists on.
    let topology = || servers.bridge("bridge", &["topology"]);
    fails(topology().env_remove("TLS_CA_FILE"), 1, "unknownissuer");
    fails(topology().env_remove("TLS_CERTIFICATE_FILE").env_remove("TLS_KEY_FILE"), 1, "rabbitmq");
    fails(topology().env("TLS_KEY_FILE", servers.authority.file()), 64, "private key");
    let (code, text) = run(&mut topology());
    assert_eq!(code, Some(0), "{text}");
    let trusted_by_system = run(topology().env_remove("TLS_CA_FILE").env("SSL_CERT_FILE", servers.authority.file()));
    assert_eq!(trusted_by_system.0, Some(0), "{}", trusted_by_system.1);

    // The components.
    let simulator = Simulator::start().await.expect("a simulator");
    let variables = servers.variables(simulator.url());
    let ca = servers.authority.file().display().to_string();
    // The local host adds the authority to those of the system; Spin has it replace them.
    let host = Host::start_with(&variables, &[], &[("TLS_CA_FILE", &ca), ("SSL_CERT_FILE", &ca)]);
    let client = Client::default();
    let ready = client.get(&host.url("/health/ready")).await;
    assert_eq!(ready.status, 200, "{ready:?} {:?}", host.log());
    let ready = ready.json();
    let states = ["database", "cache"].map(|name| ready["dependencies"][name]["status"].clone());
    assert_eq!(states, ["up", "up"], "{ready} {:?}", host.log());
    let login = json!({"username": "operator", "password": OPERATOR}).to_string();
    let request = Request::post(host.url("/api/v1/token/")).header("content-type", "application/json");
    let token = client.send(request.body(Full::from(login)).expect("a request")).await;
    assert_eq!(token.status, 200, "{token:?} {:?}", host.log());
    let token = token.json()["access"].as_str().expect("a token").to_owned();
    for left in [999, 998] {
        let body = Bytes::from_static(br#"{"citizen_id": "1128456233"}"#);
        let check = client.send(check_request(&host.url("/api/v1/affiliation/check/"), &token, body)).await;
        let limit = check.header("ratelimit").unwrap_or_default().to_owned();
        assert!(check.status == 200 && limit.contains(&format!("r={left}")), "{check:?} {:?}", host.log());
    }

    // A document, from its publication to its result.
    let mut results = servers.bridge("consumer", &["results", "--queue", "results"]);
    let results = results.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the bridge");
    let results = Running(results);
    let mut bridge = servers.bridge("bridge", &["run"]);
    bridge.env("COMPONENTS_URL", host.url("")).env("BRIDGE_LISTEN", "127.0.0.1:0");
    bridge.env("BRIDGE_CLIENT_ID", "bridge").env("BRIDGE_CLIENT_SECRET", SECRETS.bridge);
    let bridge = Host::run(bridge);
    until("the bridge is ready", async || client.get(&bridge.url("/health/ready")).await.status == 200).await;
    let request = json!({"messageId": "over-tls", "idCitizen": 1_128_456_232, "documentTitle": "Diploma",
        "UrlDocument": "https://bucket.example/file.pdf"});
    std::fs::write(servers.folder.join("requests"), request.to_string()).expect("a file");
    let file = servers.folder.join("requests").display().to_string();
    let (code, text) = run(&mut servers.bridge("producer", &["publish", &file]));
    assert_eq!(code, Some(0), "{text}");
    let published = async || {
        let request = Request::get(host.url("/api/v1/documents/history/?id_citizen=1128456232"));
        let request = request.header("authorization", format!("Bearer {token}")).body(Full::default());
        let history = client.send(request.expect("a request")).await.json();
        history["results"][0]["event_published_at"].is_string()
    };
    until("the result is published", published).await;
    let text = results.until_line("over-tls");
    assert!(text.contains("SUCCESS"), "{text}");
}

/// A process that is killed on drop.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

impl Running {
    /// Returns the first line of the output that contains this text.
    fn until_line(mut self, text: &str) -> String {
        use std::io::{BufRead, BufReader};
        let output = BufReader::new(self.0.stdout.take().expect("the output"));
        output.lines().map_while(Result::ok).find(|line| line.contains(text)).expect("a line with the text")
    }
}
