//! Black-box tests of `connectivity-bridge check`, which checks the citizens in a file.

use connectivity_tests::access::{OPERATOR, service_accounts};
use connectivity_tests::backend::On;
use connectivity_tests::check::Scene;
use connectivity_tests::folder::temporary;
use connectivity_tests::pipeline::until;
use connectivity_tests::servers::root;
use govcarpeta_simulator::Behaviour;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Returns this many ids. The even ones are eligible, the others are affiliated.
fn ids(count: usize) -> Vec<String> {
    (1_000_000..1_000_000 + count).map(|id| id.to_string()).collect()
}

/// Starts the command with these arguments after the file.
fn command(scene: &Scene, file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("target/release/connectivity-bridge"));
    command.env("COMPONENTS_URL", scene.host.url("")).env_remove("JWT_SECRET");
    command.envs([("AFFILIATION_CLIENT_ID", "operator"), ("AFFILIATION_CLIENT_SECRET", OPERATOR)]);
    command.arg("check").arg(file).args(arguments);
    command
}

fn run(mut command: Command) -> Output {
    command.output().expect("the bridge")
}

/// Writes a file of citizens.
fn file(folder: &Path, lines: &[String]) -> PathBuf {
    let file = folder.join("citizens.csv");
    std::fs::write(&file, lines.join("\n")).expect("a file");
    file
}

/// Returns the ids and the verdicts or errors in the results.
fn rows(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(format!("{}.results.jsonl", file.display())).unwrap_or_default();
    let rows = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let outcome = |row: &Value| row["error"].as_str().map_or_else(|| row["is_eligible"].to_string(), str::to_owned);
    rows.map(|row| (row["citizen_id"].as_str().unwrap_or_default().to_owned(), outcome(&row))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_checked_and_only_what_has_no_verdict_is_asked_again() {
    let accounts = service_accounts();
    let scene = Scene::new(On::Embedded, &[("service_accounts", &accounts)]).await;
    let folder = temporary();
    let mut lines = ids(250);
    lines.insert(0, "Cédula".to_owned());
    lines.extend(["12345".to_owned(), "001000000".to_owned()]);
    let path = file(&folder, &lines);
    let output = run(command(&scene, &path, &["--format", "jsonl"]));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(
        errors.contains("125 eligible, 125 affiliated already, 1 invalid ids") && errors.contains("1 skipped"),
        "{errors}"
    );
    let found: BTreeSet<_> = rows(&path).into_iter().collect();
    let verdict = |id: &String| (id.clone(), (id.ends_with(['0', '2', '4', '6', '8'])).to_string());
    let mut expected: BTreeSet<_> = ids(250).iter().map(verdict).collect();
    expected.insert(("12345".to_owned(), "invalid-citizen-id".to_owned()));
    assert_eq!(found, expected);
    assert_eq!(scene.simulator.count(), 250);

    lines[251] = "1000250".to_owned();
    file(&folder, &lines);
    let output = run(command(&scene, &path, &["--format", "jsonl"]));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((rows(&path).len(), scene.simulator.count()), (251, 251), "one id was new");

    let mut other = command(&scene, &path, &["--output", "/nowhere/results"]);
    other.env("AFFILIATION_CLIENT_SECRET", "wrong");
    assert_eq!(run(other).status.code(), Some(1));
    let mut without = command(&scene, &path, &[]);
    without.env_remove("AFFILIATION_CLIENT_ID");
    assert_eq!(run(without).status.code(), Some(64));
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the bridge")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_goes_on_where_it_stopped() {
    let accounts = service_accounts();
    let scene = Scene::new(On::Embedded, &[("service_accounts", &accounts)]).await;
    let folder = temporary();
    let path = file(&folder, &ids(300));
    scene.simulator.answer_all(Some(Behaviour::Slow(Duration::from_millis(20))));
    let arguments = ["--format", "jsonl", "--batch", "10"];
    for kept in [10, 100] {
        let mut child = spawn(command(&scene, &path, &arguments));
        until("some rows are written", async || rows(&path).len() >= kept).await;
        child.kill().expect("a process");
        child.wait().expect("its end");
    }
    let before = rows(&path).len();
    scene.simulator.answer_all(None);
    let asked = scene.simulator.count();
    let output = run(command(&scene, &path, &arguments));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let found = rows(&path);
    let citizens: BTreeSet<_> = found.iter().map(|(citizen, _)| citizen.clone()).collect();
    assert_eq!((found.len(), citizens), (300, ids(300).into_iter().collect()));
    // The application may still be asking for the batch of the command that was killed.
    assert!(scene.simulator.count() - asked <= 300 - before + 10, "verdicts in the file are not asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_obeys_the_rate_limit_and_waits_while_the_registry_is_down() {
    let accounts = service_accounts();
    let variables = [("service_accounts", accounts.as_str()), ("throttle_user", "60/second")];
    let scene = Scene::new(On::Embedded, &variables).await;
    let folder = temporary();
    let path = file(&folder, &ids(200));
    scene.simulator.set_down(true);
    let mut child = spawn(command(&scene, &path, &["--format", "jsonl"]));
    until("the registry was asked", async || scene.simulator.count() > 0).await;
    assert!(rows(&path).is_empty(), "a failure is not a result");
    scene.simulator.set_down(false);
    let finished = tokio::task::spawn_blocking(move || child.wait().expect("its end"));
    assert_eq!(finished.await.expect("a thread").code(), Some(0));
    assert_eq!(rows(&path).iter().filter(|(_, outcome)| outcome == "true" || outcome == "false").count(), 200);
}
