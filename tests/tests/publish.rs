//! `connectivity-bridge publish` with many requests, on RabbitMQ.

use connectivity_tests::broker::{Broker, Names, REQUESTED, url};
use connectivity_tests::folder::{Temporary, temporary};
use connectivity_tests::pipeline::until;
use connectivity_tests::servers::{Servers, root};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A queue that nobody consumes, and a file of requests.
struct Scene {
    broker: Broker,
    names: Names,
    servers: Servers,
    folder: Temporary,
}

impl Scene {
    async fn new() -> Self {
        let (servers, names) = (Servers::running(), Names::fresh());
        let broker = Broker::connect(&servers, &names).await.expect("RabbitMQ");
        Self { broker, names, servers, folder: temporary() }
    }

    fn file(&self, lines: usize) -> PathBuf {
        let path = self.folder.join("requests");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
        for number in 0..lines {
            writeln!(
                file,
                r#"{{"idCitizen": 1128456232, "UrlDocument": "https://h/f", "documentTitle": "t{number}"}}"#
            )
            .expect("written");
        }
        path
    }

    fn publish(&self, file: &Path) -> Child {
        let mut command = Command::new(root().join("target/release/connectivity-bridge"));
        command
            .env("RABBITMQ_URL", url(&self.servers, self.servers.rabbitmq.address()))
            .env("RABBITMQ_EXCHANGE", &self.names.exchange)
            .env("RABBITMQ_DOCUMENT_AUTH_QUEUE", &self.names.queue)
            .env("RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY", REQUESTED)
            .arg("publish")
            .arg(file);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run `cargo xtask build` first")
    }

    async fn waiting(&self) -> usize {
        usize::try_from(self.broker.count(&self.names.queue).await.unwrap_or(0)).expect("a number")
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Returns the number before `of` in the message of a command that did not publish everything.
fn published(output: &Output, total: usize) -> usize {
    let text = text(output);
    let before = text.split(&format!(" of {total} requests")).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_requests_are_published_in_their_order() {
    const LINES: usize = 5_000;
    let scene = Scene::new().await;
    let file = scene.file(LINES);
    let output = scene.publish(&file).wait_with_output().expect("an end");
    assert!(output.status.success() && text(&output).contains("published: 5000"), "{}", text(&output));
    assert_eq!(scene.waiting().await, LINES);
    let first = scene.broker.take(&scene.names.queue).await.expect("messages");
    let titles = first.iter().map(|message| String::from_utf8_lossy(&message.data).into_owned());
    let numbers: Vec<usize> = titles
        .map(|body| {
            body.rsplit("\"t").next().and_then(|tail| tail.trim_end_matches("\"}").parse().ok()).expect("a number")
        })
        .collect();
    assert!(numbers.is_sorted() && numbers.len() == LINES);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_command_says_how_many_were_published() {
    const LINES: usize = 300_000;
    let scene = Scene::new().await;
    let file = scene.file(LINES);
    for signal in ["-INT", "-TERM"] {
        let before = scene.waiting().await;
        let publishing = scene.publish(&file);
        until("some are published", async || scene.waiting().await > before).await;
        let process = publishing.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().expect("kill").success());
        let output = publishing.wait_with_output().expect("an end");
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        let published = published(&output, LINES);
        assert!(text(&output).contains("interrupted after") && published < LINES, "{}", text(&output));
        assert_eq!(scene.waiting().await, before + published, "those in progress were waited for");
    }
    scene.broker.delete_requests().await.expect("deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_how_many_were_published() {
    const LINES: usize = 300_000;
    let scene = Scene::new().await;
    let file = scene.file(LINES);
    let publishing = scene.publish(&file);
    until("some are published", async || scene.waiting().await > 0).await;
    scene.broker.delete_requests().await.expect("deleted");
    let output = publishing.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let expected = "no queue is bound to";
    assert!(text(&output).contains(expected) && published(&output, LINES) < LINES, "{}", text(&output));
}
