//! Tests of the local host: what it allows a component, and what it does not.

use connectivity_tests::backend::On;
use connectivity_tests::check::{self, CHECK};
use connectivity_tests::client::Client;
use connectivity_tests::folder::temporary;
use connectivity_tests::host::{Host, SECRET};
use connectivity_tests::manifest::manifest;
use connectivity_tests::plugin::{Capability, with_plugin, write};
use connectivity_tests::servers::root;
use govcarpeta_simulator::{Behaviour, Simulator};
use http::Request;
use http_body_util::Full;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(&self.host.url(path)).await;
        (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned())
    }
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_computes_for_ever_is_stopped_and_later_requests_are_served() {
    let scene = Scene::new(&["--max-busy", "300ms"]).await;
    let started = Instant::now();
    assert_eq!(scene.get("/probe/busy").await.0, 500);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(scene.get("/probe/trap").await.0, 500);
    assert_eq!(scene.get("/probe/hello").await, ok("/probe/hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_gets_504() {
    let scene = Scene::new(&["--request-timeout", "300ms"]).await;
    assert_eq!(scene.get("/probe/never").await.0, 504);
    assert_eq!(scene.get("/probe/hello").await, ok("/probe/hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_serves_at_most_the_configured_number_of_requests() {
    let arguments = ["--max-instance-reuse-count", "3", "--max-instance-concurrent-reuse-count", "1"];
    let scene = Scene::new(&[&arguments[..], &["--idle-instance-timeout", "30s"]].concat()).await;
    for expected in ["1", "2", "3", "1", "2"] {
        assert_eq!(scene.get("/probe/served").await, ok(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_hosts_can_be_reached() {
    let scene = Scene::new(&[]).await;
    let allowed = scene.get(&format!("/probe/call?{}/apis/validateCitizen/1000001", scene.simulator.url())).await;
    assert_eq!(allowed.0, 200);
    let other = Simulator::start().await.expect("a simulator");
    for denied in [other.url(), "http://probe.spin.internal/probe/hello".to_owned(), scene.host.url("/probe/hello")] {
        let (status, text) = scene.get(&format!("/probe/call?{denied}")).await;
        assert_eq!(status, 418, "{denied}");
        assert!(text.contains("HttpRequestDenied"), "{denied}: {text}");
    }
    assert_eq!(other.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_component_can_only_be_called_by_other_components() {
    let scene = Scene::new(&[]).await;
    assert_eq!(scene.get("/probe/call?http://inner.spin.internal/hello").await, ok("/hello"));
    assert_eq!(scene.get("/hello").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_granted_databases_can_be_opened_at_their_configured_path() {
    let folder = temporary();
    let (database, file) = (folder.join("own.db"), folder.join("runtime.toml"));
    let text = format!(
        "log_dir = \"\"\n[sqlite_database.default]\ntype = \"spin\"\npath = {:?}\n",
        database.display().to_string()
    );
    std::fs::write(&file, text).expect("a file");
    let scene = Scene::new(&["--runtime-config-file", &file.display().to_string()]).await;
    assert_eq!(scene.get("/probe/database?default").await, ok(""));
    assert!(database.is_file(), "the runtime configuration sets the path");
    for entry in std::fs::read_dir(&*folder).expect("a folder").flatten() {
        let (name, mode) = (entry.file_name(), entry.metadata().expect("metadata").permissions().mode());
        if name.to_string_lossy().starts_with("own.db") {
            assert_eq!(mode & 0o777, 0o600, "{name:?}");
        }
    }
    assert_eq!(scene.get("/probe/database?other").await, (418, "Error::AccessDenied".to_owned()));
}

/// Starts spin.toml with this plugin, which inherits these parts of the configuration, and returns
/// why it did not start.
fn refusal(plugin: &str, inherits: &[&str]) -> String {
    let file = root().join(format!("target/wasm32-wasip2/release/{plugin}.wasm"));
    let capability = Capability::Citizens;
    let mut manifest = with_plugin(manifest(), &file, &[capability], &[]);
    let component = &mut manifest["component"][capability.component()];
    component["dependencies"][capability.interface()]["inherit_configuration"] =
        inherits.iter().map(|part| toml::Value::from(*part)).collect::<Vec<_>>().into();
    let (folder, from) = write(&manifest);
    let output = std::process::Command::new(root().join("target/release/connectivity-host"))
        .args(["--from", &from, "--listen", "127.0.0.1:0"])
        .env("SPIN_VARIABLE_JWT_SECRET", SECRET)
        .output()
        .expect("the host");
    drop(folder);
    assert!(!output.status.success(), "the host started with {plugin}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_plugin_that_imports_what_it_does_not_inherit_is_refused() {
    // Spin composes such a plugin with an adapter that denies each call instead (decision 29).
    let hosts = "allowed_outbound_hosts";
    for (plugin, inherits, import, part) in [
        ("greedy_registry", &[hosts][..], "spin:", "\""),
        ("greedy_registry", &[hosts, "variables", "sqlite_databases"], "spin:key-value/", "key_value_stores"),
        ("greedy_registry", &[hosts, "variables", "key_value_stores"], "spin:sqlite/", "sqlite_databases"),
        ("greedy_registry", &[hosts, "sqlite_databases", "key_value_stores"], "spin:variables/", "variables"),
        // The host has no key-value stores that a plugin could inherit.
        ("greedy_registry", &[hosts, "variables", "sqlite_databases", "key_value_stores"], "spin:key-value/", ""),
        ("hostile_registry", &[], "imports", hosts),
    ] {
        let why = refusal(plugin, inherits);
        assert!(why.contains(import) && why.contains(part), "{plugin} that inherits {inherits:?}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_value_of_a_header_may_be_any_bytes() {
    let scene = Scene::new(&[]).await;
    let send = async |value: &[u8]| {
        let request = Request::get(scene.host.url("/probe/hello")).header("user-agent", value);
        scene.client.send(request.body(Full::default()).expect("a request")).await.status.as_u16()
    };
    // RFC 9110 section 5.5: bytes over 7F are opaque. (Spin answers the second one with 500.)
    assert_eq!((send("café".as_bytes()).await, send(b"caf\xe9").await), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_ended_its_side_of_the_connection_gets_its_answer() {
    let scene = Scene::new(&[]).await;
    scene.simulator.behave("1000002", Behaviour::Slow(Duration::from_millis(300)));
    let path = format!("/probe/call?{}/apis/validateCitizen/1000002", scene.simulator.url());
    let mut stream = TcpStream::connect(scene.host.address()).await.expect("the host");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: probe\r\n\r\n").as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("half closed");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_serves_the_health_and_info_routes_of_spin() {
    let scene = Scene::new(&[]).await;
    assert_eq!(scene.get("/.well-known/spin/health").await, ok("OK"));
    assert_eq!(scene.get("/.well-known/spin/info").await, ok(r#"{"name":"probe","version":"0.1.0"}"#));
}

/// Starts a request that takes `duration`, and returns when it is in progress.
async fn in_progress(scene: &Scene, duration: Duration) -> JoinHandle<u16> {
    let id = "1000002";
    scene.simulator.behave(id, Behaviour::Slow(duration));
    let path = format!("/probe/call?{}/apis/validateCitizen/{id}", scene.simulator.url());
    let (client, url) = (scene.client.clone(), scene.host.url(&path));
    let request = tokio::spawn(async move { client.get(&url).await.status.as_u16() });
    while scene.simulator.calls(id).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_progress_finish_after_sigterm() {
    let mut scene = Scene::new(&[]).await;
    let request = in_progress(&scene, Duration::from_millis(500)).await;
    let ended = tokio::task::block_in_place(|| scene.host.terminate());
    assert!(ended.success());
    assert_eq!(request.await.expect("an answer"), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_requests_are_served_for_a_while_and_close_their_connections() {
    let mut scene = Scene::new(&["--drain", "3s"]).await;
    let kept = scene.client.get(&scene.host.url("/probe/hello")).await;
    assert_eq!(kept.header("connection"), None);
    scene.host.signal("TERM");
    // Over the kept connection first, then over new ones.
    let closing = async {
        loop {
            let answer = scene.client.get(&scene.host.url("/probe/hello")).await;
            assert_eq!(answer.status, 200);
            if answer.header("connection") == Some("close") {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(2), closing).await.expect("the signal arrives");
    let later = scene.client.get(&scene.host.url("/probe/hello")).await;
    assert_eq!((later.status.as_u16(), later.header("connection")), (200, Some("close")));
    assert!(tokio::task::block_in_place(|| scene.host.ended()).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_while_a_component_has_all_its_instances() {
    let arguments = ["--max-instances", "1", "--max-instance-concurrent-reuse-count", "1"];
    let scene = Scene::new(&arguments).await;
    let (slow, started) = (Duration::from_millis(300), Instant::now());
    let requests = [in_progress(&scene, slow).await, in_progress(&scene, slow).await, in_progress(&scene, slow).await];
    for request in requests {
        assert_eq!(request.await.expect("an answer"), 204);
    }
    assert!(started.elapsed() >= slow * 3, "one at a time: {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_progress_finishes_after_sigterm_with_its_retries() {
    let mut scene = check::Scene::new(On::Embedded, &[("registry_timeout_ms", "5000")]).await;
    // Two attempts fail and are repeated, so the check takes a while.
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
async fn a_component_that_waits_does_not_count_as_busy() {
    let scene = Scene::new(&["--max-busy", "300ms"]).await;
    let request = in_progress(&scene, Duration::from_secs(1)).await;
    assert_eq!(request.await.expect("an answer"), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_aborts_requests_in_progress() {
    let mut scene = Scene::new(&["--grace", "60m"]).await;
    let request = in_progress(&scene, Duration::from_hours(1)).await;
    scene.host.signal("INT");
    while TcpStream::connect(scene.host.address()).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scene.host.signal("INT");
    assert!(tokio::task::block_in_place(|| scene.host.ended()).success());
    assert!(request.await.is_err(), "the request was aborted");
}
