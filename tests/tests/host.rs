//! The local host: what a component may do on it, and what it may not.

use connectivity_tests::access::On;
use connectivity_tests::check::{self, CHECK};
use connectivity_tests::client::Client;
use connectivity_tests::host::Host;
use govcarpeta_simulator::{Behaviour, Simulator};
use http::Request;
use http_body_util::Full;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

struct Scene {
    host: Host,
    simulator: Simulator,
    client: Client,
}

impl Scene {
    async fn new(arguments: &[&str]) -> Self {
        let simulator = Simulator::start().await.expect("a simulator");
        let arguments = [&["--from", "tests/guest/spin.toml"], arguments].concat();
        let host = Host::start_application(&[("upstream", &simulator.url())], &arguments);
        Self { host, simulator, client: Client::default() }
    }

    async fn ask(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(&self.host.url(path)).await;
        (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned())
    }
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_computes_for_ever_is_stopped_and_the_next_request_served() {
    let scene = Scene::new(&["--max-busy", "300ms"]).await;
    let started = Instant::now();
    assert_eq!(scene.ask("/probe/busy").await.0, 500);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(scene.ask("/probe/trap").await.0, 500);
    assert_eq!(scene.ask("/probe/hello").await, ok("/probe/hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_is_a_504() {
    let scene = Scene::new(&["--request-timeout", "300ms"]).await;
    assert_eq!(scene.ask("/probe/never").await.0, 504);
    assert_eq!(scene.ask("/probe/hello").await, ok("/probe/hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_used_again_as_often_as_it_is_allowed() {
    let arguments = ["--max-instance-reuse-count", "3", "--max-instance-concurrent-reuse-count", "1"];
    let scene = Scene::new(&[&arguments[..], &["--idle-instance-timeout", "30s"]].concat()).await;
    for expected in ["1", "2", "3", "1", "2"] {
        assert_eq!(scene.ask("/probe/served").await, ok(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_allowed_can_be_reached() {
    let scene = Scene::new(&[]).await;
    let allowed = scene.ask(&format!("/probe/call?{}/apis/validateCitizen/1000001", scene.simulator.url())).await;
    assert_eq!(allowed.0, 200);
    let other = Simulator::start().await.expect("a simulator");
    for denied in [other.url(), "http://probe.spin.internal/probe/hello".to_owned(), scene.host.url("/probe/hello")] {
        let (status, text) = scene.ask(&format!("/probe/call?{denied}")).await;
        assert_eq!(status, 418, "{denied}");
        assert!(text.contains("HttpRequestDenied"), "{denied}: {text}");
    }
    assert_eq!(other.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_component_is_reached_from_inside_alone() {
    let scene = Scene::new(&[]).await;
    assert_eq!(scene.ask("/probe/call?http://inner.spin.internal/hello").await, ok("/hello"));
    assert_eq!(scene.ask("/hello").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_granted_databases_can_be_opened_at_their_configured_path() {
    let folder = std::env::temp_dir().join(format!("connectivity-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&folder).expect("a folder");
    let (database, file) = (folder.join("own.db"), folder.join("runtime.toml"));
    let text = format!("[sqlite_database.default]\ntype = \"spin\"\npath = {:?}\n", database.display().to_string());
    std::fs::write(&file, text).expect("a file");
    let scene = Scene::new(&["--runtime-config-file", &file.display().to_string()]).await;
    assert_eq!(scene.ask("/probe/database?default").await, ok(""));
    assert!(database.is_file(), "the runtime configuration sets the path");
    assert_eq!(scene.ask("/probe/database?other").await, (418, "Error::AccessDenied".to_owned()));
    drop(scene);
    std::fs::remove_dir_all(folder).expect("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_no_text_is_a_500_as_on_spin() {
    let scene = Scene::new(&[]).await;
    let ask = async |value: &[u8]| {
        let request = Request::get(scene.host.url("/probe/hello")).header("user-agent", value);
        scene.client.send(request.body(Full::default()).expect("a request")).await.status.as_u16()
    };
    assert_eq!((ask("café".as_bytes()).await, ask(b"caf\xe9").await), (200, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_tells_what_it_runs() {
    let scene = Scene::new(&[]).await;
    assert_eq!(scene.ask("/.well-known/spin/health").await, ok("OK"));
    assert_eq!(scene.ask("/.well-known/spin/info").await, ok(r#"{"name":"probe","version":"0.1.0"}"#));
}

/// A request that is in work for so long.
async fn in_work(scene: &Scene, long: Duration) -> JoinHandle<u16> {
    let id = "1000002";
    scene.simulator.behave(id, Behaviour::Slow(long));
    let path = format!("/probe/call?{}/apis/validateCitizen/{id}", scene.simulator.url());
    let (client, url) = (scene.client.clone(), scene.host.url(&path));
    let asked = tokio::spawn(async move { client.get(&url).await.status.as_u16() });
    while scene.simulator.calls(id).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_work_is_finished_after_sigterm() {
    let mut scene = Scene::new(&[]).await;
    let asked = in_work(&scene, Duration::from_millis(500)).await;
    let ended = tokio::task::block_in_place(|| scene.host.terminate());
    assert!(ended.success());
    assert_eq!(asked.await.expect("an answer"), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_finished_after_sigterm_with_all_its_tries() {
    let mut scene = check::Scene::new(On::Embedded, &[("registry_timeout_ms", "5000")]).await;
    // Two tries fail and are repeated: the check takes a while.
    scene.simulator.behave("5000002", Behaviour::FailFirst { times: 2, status: 503 });
    let (client, url) = (scene.client.clone(), scene.host.url(CHECK));
    let check = tokio::spawn(async move { client.check(&url, "5000002").await.status.as_u16() });
    while scene.simulator.calls("5000002").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ended = tokio::task::block_in_place(|| scene.host.terminate());
    assert_eq!(check.await.expect("an answer"), 200);
    assert!(ended.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_waits_is_not_busy() {
    let scene = Scene::new(&["--max-busy", "300ms"]).await;
    let asked = in_work(&scene, Duration::from_secs(1)).await;
    assert_eq!(asked.await.expect("an answer"), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_ends_what_is_in_work() {
    let mut scene = Scene::new(&["--grace", "60m"]).await;
    let asked = in_work(&scene, Duration::from_hours(1)).await;
    scene.host.signal("INT");
    while TcpStream::connect(scene.host.address()).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scene.host.signal("INT");
    assert!(tokio::task::block_in_place(|| scene.host.ended()).success());
    assert!(asked.await.is_err(), "there was no answer");
}
