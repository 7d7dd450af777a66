//! Registry plugins pass the conformance suite: the one that is shipped, and a minimal one without
//! HTTP.

use connectivity_tests::plugin::{Report, Subject, test};
use connectivity_tests::servers::root;

fn subject(name: &str) -> Subject {
    Subject {
        file: root().join(format!("target/wasm32-wasip2/release/{name}.wasm")),
        settings: Vec::new(),
        invalid: None,
        eligible: "1128456232".to_owned(),
        affiliated: "1128456233".to_owned(),
        unavailable: None,
    }
}

fn expect_all_passed(report: &Report, checks: usize) {
    assert!(report.failures().is_empty(), "{:#?}", report.failures());
    assert_eq!(report.lines.len(), checks, "{:#?}", report.lines);
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn shipped_plugin_conforms() {
    let invalid = Some(pair("registry_timeout_ms", "half-a-second"));
    expect_all_passed(&test(&Subject { invalid, ..subject("govcarpeta") }).await, 75);
}

#[tokio::test(flavor = "multi_thread")]
async fn minimal_plugin_without_http_conforms() {
    let settings = vec![pair("registry_affiliated", "1128456233"), pair("registry_unavailable", "1128456235")];
    let invalid = Some(pair("registry_unavailable", "not-an-id"));
    let unavailable = Some("1128456235".to_owned());
    let report = test(&Subject { settings, invalid, unavailable, ..subject("static_registry") }).await;
    expect_all_passed(&report, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_no_plugin_fails() {
    // A component of the application exports no capability and imports databases.
    let report = test(&subject("ops")).await;
    assert_eq!(report.failures().len(), 2, "{:#?}", report.lines);
}
