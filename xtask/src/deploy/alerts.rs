//! The alerts: their environment, their tests, their pages, and the metrics that they use.

use super::manifests::{at, called, read};
use super::table::Environment;
use super::walk;
use crate::failure::{Failure, failed};
use crate::project::text;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the overlays replace by the namespace of their environment.
pub(super) const NAMESPACE: &str = "'NAMESPACE'";

/// What the overlays replace by the name of their environment.
pub(super) const ENVIRONMENT: &str = "ENVIRONMENT";

const RUNBOOK: &str = "docs/runbook.md";

/// Where the names of our metrics are defined.
const SOURCES: [&str; 3] =
    ["bridge/src/metrics.rs", "crates/runtime/src/metrics/family.rs", "components/ops/src/metrics.rs"];

/// The prefixes of metrics of other exporters, which docs/operations.md lists.
const EXPORTERS: [&str; 5] = ["certmanager_", "kube_", "mysql_", "probe_", "rabbitmq_"];

/// Checks that the alerts are about one environment, are tested, have a page in the runbook, and use
/// metrics that exist, as the dashboard must.
pub(super) fn problems() -> Result<Vec<String>, Failure> {
    let rules = rules(&read("monitoring/alerts.yaml")?);
    let tests = read("monitoring/alerts.test.yaml")?;
    let (runbook, operations) = (text(RUNBOOK)?, text("docs/operations.md")?);
    let sources = SOURCES.iter().map(|path| text(path)).collect::<Result<String, _>>()?;
    let mut found = Vec::new();
    for rule in &rules {
        found.extend(unscoped(rule));
        let name = at(rule, "/alert");
        if !name.is_empty() {
            found.extend(untested(name, &tests).into_iter().chain(page(rule, &runbook)));
        }
    }
    let dashboard = serde_json::from_str(&text("monitoring/grafana/dashboards/connectivity.json")?);
    let dashboard: Value = dashboard.map_err(failed("the dashboard"))?;
    for document in rules.iter().chain([&dashboard]) {
        walk(document, &mut |key, value| {
            if key == "expr" {
                found.extend(unknown_metrics(value.as_str().unwrap_or_default(), &sources, &operations));
            }
        });
    }
    Ok(found)
}

/// Checks that the monitoring objects of an environment are about this environment, and that a stock
/// kube-prometheus-stack selects them.
pub(super) fn of_environment(objects: &[Value], environment: &Environment) -> Vec<String> {
    let kinds = ["PrometheusRule", "ServiceMonitor"];
    let monitoring: Vec<_> = objects.iter().filter(|object| kinds.contains(&at(object, "/kind"))).collect();
    let mut found = Vec::new();
    if !environment.debug && kinds.iter().any(|kind| !monitoring.iter().any(|object| at(object, "/kind") == *kind)) {
        found.push("the environment needs alerts and scrape targets: use k8s/components/monitoring".into());
    }
    found.extend(monitoring.iter().filter(|object| at(object, "/metadata/labels/release").is_empty()).map(|object| {
        format!("{} needs the label `release`, by which kube-prometheus-stack selects it", called(object))
    }));
    let scope = format!("'{}'", environment.namespace);
    for rule in rules(objects) {
        let name = [at(&rule, "/alert"), at(&rule, "/record")].concat();
        if !at(&rule, "/expr").contains(&scope) {
            found.push(format!("{name} is not about the namespace {}", environment.namespace));
        }
        let label = at(&rule, "/labels/environment");
        if name == "connectivity:environment" && label != environment.overlay {
            found.push(format!("{name} has the label environment={label:?} in {}", environment.overlay));
        }
    }
    found
}

/// Returns the rules of all groups.
fn rules(objects: &[Value]) -> Vec<Value> {
    let groups = objects.iter().filter_map(|object| object.pointer("/spec/groups")?.as_array()).flatten();
    groups.filter_map(|group| group.pointer("/rules")?.as_array()).flatten().cloned().collect()
}

/// kustomize replaces what is between the first two single quotes of an expression.
fn unscoped(rule: &Value) -> Option<String> {
    let expression = at(rule, "/expr");
    let is_scoped = expression.matches('\'').count() == 2 && expression.contains(NAMESPACE);
    (!is_scoped).then(|| format!("{expression}: {NAMESPACE} must stand once, and no other single quote"))
}

fn untested(name: &str, tests: &[Value]) -> Option<String> {
    let mut fires = false;
    let groups = tests.iter().filter_map(|tests| tests.pointer("/tests")?.as_array()).flatten();
    for test in groups.filter_map(|group| group.pointer("/alert_rule_test")?.as_array()).flatten() {
        let expected = test.pointer("/exp_alerts").and_then(Value::as_array).is_some_and(|alerts| !alerts.is_empty());
        fires |= at(test, "/alertname") == name && expected;
    }
    (!fires).then(|| format!("{name} is never expected in monitoring/alerts.test.yaml: add a test in which it fires"))
}

/// Returns what is wrong with the section of an alert in the runbook: it begins with what to do, and
/// has three steps.
fn page(rule: &Value, runbook: &str) -> Option<String> {
    let name = at(rule, "/alert");
    if at(rule, "/annotations/runbook_url") != format!("{RUNBOOK}#{}", name.to_lowercase()) {
        return Some(format!("{name}: runbook_url must be {RUNBOOK}#{}", name.to_lowercase()));
    }
    let Some((_, section)) = runbook.split_once(&format!("\n### {name}\n")) else {
        return Some(format!("{RUNBOOK} has no section {name}"));
    };
    let section = section.split("\n## ").next().and_then(|section| section.split("\n### ").next()).unwrap_or_default();
    let has_step = |number: u8| section.contains(&format!("\n{number}. "));
    let is_complete = section.trim_start().starts_with("**") && (1..=3).all(has_step) && !has_step(4);
    (!is_complete).then(|| format!("{RUNBOOK}: {name} must begin with what to do, in bold, and have three steps"))
}

fn unknown_metrics(expression: &str, sources: &str, operations: &str) -> Vec<String> {
    let words: BTreeSet<_> = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut found = Vec::new();
    for word in words {
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
        if word.starts_with("connectivity_")
            && ![name, word].iter().any(|name| sources.contains(&format!("\"{name}\"")))
        {
            found.push(format!("the metric {word} does not exist"));
        }
        if EXPORTERS.iter().any(|prefix| word.starts_with(prefix)) && !operations.contains(&format!("`{word}`")) {
            found.push(format!("docs/operations.md does not say which exporter has {word}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_metrics_are_reported() {
        let sources = "name: \"connectivity_breaker_open\", \"connectivity_http_seconds\"";
        let expression = "rate(connectivity_breaker_open[5m]) > connectivity_no_such_total{a=\"b\"} + \
                          connectivity_http_seconds_bucket + kube_x + kube_y";
        assert_eq!(
            unknown_metrics(expression, sources, "| `kube_x` |"),
            [
                "the metric connectivity_no_such_total does not exist",
                "docs/operations.md does not say which exporter has kube_y"
            ]
        );
    }

    #[test]
    fn alerts_of_every_namespace_without_test_or_page_are_reported() {
        let rule = json!({"alert": "Down", "expr": "up == 0", "annotations": {"runbook_url": "docs/runbook.md#down"}});
        let scoped = json!({"expr": "up{namespace='NAMESPACE'} == 0"});
        assert!(unscoped(&rule).is_some() && unscoped(&scoped).is_none());

        let tested =
            |alerts: Value| json!({"tests": [{"alert_rule_test": [{"alertname": "Down", "exp_alerts": alerts}]}]});
        assert!(untested("Down", &[tested(json!([]))]).is_some());
        assert!(untested("Down", &[tested(json!([{}]))]).is_none());

        let page = |text: &str| page(&rule, text);
        assert_eq!(page("\n### Down\n\n**Restore it.**\n\n1. a\n2. b\n3. c\n\n### Up\n4. d\n"), None);
        for wrong in
            ["\n### Up\n", "\n### Down\n\nIt is down.\n\n1. a\n2. b\n3. c\n", "\n### Down\n\n**Do.**\n\n1. a\n2. b\n"]
        {
            assert!(page(wrong).is_some(), "{wrong}");
        }
    }
}
