//! What `cargo xtask dist` makes, unpacked into an empty folder: the application and the bridge
//! answer a check and a document out of it.

use bytes::Bytes;
use connectivity_tests::access::{SECRETS, service_accounts};
use connectivity_tests::broker::{self, Broker, Names, REQUESTED};
use connectivity_tests::client::{Client, check_request};
use connectivity_tests::folder::{Temporary, temporary};
use connectivity_tests::host::Host;
use connectivity_tests::pipeline::{request, until};
use connectivity_tests::servers::{Servers, root};
use govcarpeta_simulator::Simulator;
use http::{Request, header};
use http_body_util::Full;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a release.
struct Release(Temporary);

impl Release {
    /// Makes a release of what is built, and unpacks it.
    fn unpacked() -> Self {
        let release = Self(temporary());
        let files = release.make("files");
        for archive in std::fs::read_dir(&files).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if archive.extension().is_some_and(|extension| extension == "gz") {
                run(Command::new("tar").arg("--extract").arg("--file").arg(archive).current_dir(&*release.0));
            }
        }
        release
    }

    fn make(&self, name: &str) -> PathBuf {
        let to = self.0.join(name);
        let mut xtask = Command::new(root().join("target/release/xtask"));
        run(xtask.args(["dist", "--built", "--to"]).arg(&to).current_dir(root()));
        to
    }

    /// Returns the folder whose name begins with this.
    fn part(&self, prefix: &str) -> PathBuf {
        let entries = std::fs::read_dir(&*self.0).expect("a folder").map(|entry| entry.expect("an entry").path());
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_version = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
        let mut parts = entries.filter(|path| name(path).strip_prefix(prefix).is_some_and(is_version));
        parts.next().unwrap_or_else(|| panic!("no {prefix} in {}", self.0.display()))
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn application_and_bridge_run_out_of_an_unpacked_release() {
    let release = Release::unpacked();
    let bridge = release.part("connectivity-bridge-").join("connectivity-bridge");
    let application = release.part("connectivity-");
    for file in
        ["README.md", "CHANGELOG.md", "LICENSE", "k8s/deploy.sh", "monitoring/alerts.yaml", "docs/deployment.md"]
    {
        assert!(application.join(file).is_file(), "{file}");
    }
    let (servers, simulator) = (Servers::running(), Simulator::start().await.expect("a simulator"));
    let database = servers.empty_database().await;
    run(Command::new(&bridge).arg("migrate").env("DATABASE_URL", servers.database_url(&database)));
    let mut variables = servers.variables(&database);
    variables.extend([("registry_url", simulator.url()), ("service_accounts", service_accounts())]);
    let manifest = application.join("spin.toml").display().to_string();
    let host = Host::start(&variables, &["--from", &manifest]);

    let client = Client::default();
    let form = format!("grant_type=client_credentials&client_id=operator&client_secret={}", SECRETS.operator);
    let token =
        Request::post(host.url("/oauth/token")).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let token = client.send(token.body(Full::from(form)).expect("a request")).await;
    let token = token.json()["access_token"].as_str().expect("a token").to_owned();
    let question = Bytes::from_static(br#"{"citizen_id": "1128456232"}"#);
    let answer = client.send(check_request(&host.url("/api/v1/affiliation/check/"), &token, question)).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    let names = Names::fresh();
    let broker = Broker::connect(&servers, &names).await.expect("RabbitMQ");
    broker.collect().await.expect("a queue for results");
    let mut command = Command::new(&bridge);
    command.arg("run").current_dir(&*release.0).envs([
        ("RABBITMQ_URL", broker::url(&servers, servers.rabbitmq.address()).as_str()),
        ("RABBITMQ_EXCHANGE", &names.exchange),
        ("RABBITMQ_DOCUMENT_AUTH_QUEUE", &names.queue),
        ("RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY", REQUESTED),
        ("COMPONENTS_URL", &host.url("")),
        ("BRIDGE_CLIENT_ID", "bridge"),
        ("BRIDGE_CLIENT_SECRET", SECRETS.bridge),
        ("BRIDGE_LISTEN", "127.0.0.1:0"),
    ]);
    let _bridge = Host::run(command);
    let body = request("from-a-release").to_string();
    until("the request is published", async || broker.publish(body.as_bytes(), &[]).await.unwrap_or(false)).await;
    until("a result", async || broker.arrivals() == 1).await;
}

#[test]
fn release_of_a_commit_has_the_same_bytes_each_time() {
    let release = Release(temporary());
    let sums = |name| std::fs::read_to_string(release.make(name).join("SHA256SUMS")).expect("checksums");
    let first = sums("first");
    assert_eq!(first.lines().count(), 4, "{first}");
    assert_eq!(first, sums("second"));
}
