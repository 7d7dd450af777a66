//! Each fault that an environment had once is put back into its manifests, and must be reported.

use super::findings::tools;
use super::manifests::{find, render};
use super::table::{self, ENVIRONMENTS};
use super::{alerts, between, manifests};
use serde_json::{Value, json};

/// A fault: what it is, the kind and name of its object, a pointer into it, and the value there, or
/// none if it is removed.
type Fault = (&'static str, &'static str, &'static str, &'static str, Option<Value>);

const BRIDGE: &str = "connectivity-bridge";
const MIGRATION: &str = "connectivity-migration";

fn faults() -> Vec<Fault> {
    let anywhere = || Some(json!([{"ports": [{"protocol": "TCP", "port": 3306}]}]));
    let all = || Some(json!([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}]));
    let callers = |port: u16| {
        let label = json!({"namespaceSelector": {"matchLabels": {"connectivity/access": "allowed"}}});
        Some(json!([{"from": [label], "ports": [{"port": port}]}]))
    };
    let amqp = || Some(json!({"protocol": "amqp", "queueName": "q", "mode": "QueueLength", "value": "500"}));
    vec![
        ("a Service sets RABBITMQ_PORT", "Deployment", BRIDGE, "/spec/template/spec/enableServiceLinks", None),
        ("Services set variables", "Job", MIGRATION, "/spec/template/spec/enableServiceLinks", Some(json!(true))),
        ("all pods are cut off", "NetworkPolicy", "deny-by-default", "/spec/podSelector", Some(json!({}))),
        ("all pods get DNS only", "NetworkPolicy", "name-resolution", "/spec/podSelector", Some(json!({}))),
        ("nothing is denied", "NetworkPolicy", "deny-by-default", "/spec/policyTypes", Some(json!(["Ingress"]))),
        ("a port to anywhere", "NetworkPolicy", "connectivity-peers", "/spec/egress", anywhere()),
        ("443 to the cluster", "NetworkPolicy", "connectivity-peers", "/spec/egress", all()),
        ("no peers", "NetworkPolicy", "connectivity-bridge-peers", "/spec/egress", Some(json!([]))),
        ("no node cache", "NetworkPolicy", "name-resolution", "/spec/egress/0/to/1", None),
        ("callers reach /internal", "NetworkPolicy", "connectivity", "/spec/ingress", callers(80)),
        ("callers reach the bridge", "NetworkPolicy", BRIDGE, "/spec/ingress", callers(9100)),
        ("everybody reaches /metrics", "NetworkPolicy", "connectivity", "/spec/ingress/0/from", None),
        ("every port is open", "NetworkPolicy", "connectivity", "/spec/ingress/0/ports", None),
        ("no policy selects the web pods", "SpinApp", "connectivity", "/spec/podLabels", None),
        ("no policy selects the bridge", "Deployment", BRIDGE, "/spec/template/metadata/labels", None),
        ("public_url is missing", "ConfigMap", "connectivity-environment", "/data/public_url", None),
        ("trusted_proxies is missing", "ConfigMap", "connectivity-environment", "/data/trusted_proxies", None),
        (
            "a network is trusted",
            "ConfigMap",
            "connectivity-environment",
            "/data/trusted_proxies",
            Some(json!("10.0.0.0/8")),
        ),
        ("a misspelt variable", "ConfigMap", "connectivity-settings", "/data/throttle_usr", Some(json!("1/hour"))),
        ("a misspelt setting", "ConfigMap", "connectivity-bridge-settings", "/data/RABBIT_HOST", Some(json!("mq"))),
        (
            "too many connections",
            "SpinApp",
            "connectivity",
            "/metadata/annotations/connectivity~1database-max-connections",
            Some(json!("49")),
        ),
        ("connections are not stated", "SpinApp", "connectivity", "/metadata/annotations", None),
        ("one bridge before KEDA", "Deployment", BRIDGE, "/spec/replicas", None),
        ("ready messages only", "ScaledObject", BRIDGE, "/spec/triggers/0/metadata", amqp()),
        (
            "unacknowledged messages",
            "ScaledObject",
            BRIDGE,
            "/spec/triggers/0/metadata/excludeUnacknowledged",
            Some(json!("true")),
        ),
        ("the wrong Deployment is scaled", "ScaledObject", BRIDGE, "/spec/scaleTargetRef/name", Some(json!("other"))),
        (
            "alerts of all namespaces",
            "PrometheusRule",
            "connectivity",
            "/spec/groups/1/rules/0/expr",
            Some(json!("up == 0")),
        ),
        ("alerts without environment", "PrometheusRule", "connectivity", "/spec/groups/0/rules/0/labels", None),
        ("alerts that are not selected", "PrometheusRule", "connectivity", "/metadata/labels/release", None),
        ("targets that are not selected", "ServiceMonitor", BRIDGE, "/metadata/labels/release", None),
        ("too many pods", "HorizontalPodAutoscaler", "connectivity", "/spec/maxReplicas", Some(json!(10))),
    ]
}

/// Returns the problems of an environment, as the lint reports them.
fn problems(objects: &[Value], environment: &table::Environment) -> Vec<String> {
    let mut found = table::differences(objects, environment);
    found.extend(alerts::of_environment(objects, environment));
    found.extend(between::manifests(objects).expect("files that can be read"));
    found
}

/// Sets or removes a value. Returns false if there is no such object.
fn put(objects: &mut [Value], (_, kind, name, pointer, value): &Fault) -> bool {
    let Some(called) = find(objects, kind, name).map(manifests::called) else { return false };
    let object = objects.iter_mut().find(|object| manifests::called(object) == called).expect("the same one");
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = object.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent} of {called}"));
    let key = key.replace("~1", "/");
    match (parent, value) {
        (Value::Object(map), Some(value)) => assert_ne!(map.insert(key, value.clone()).as_ref(), Some(value)),
        (Value::Object(map), None) => assert!(map.remove(&key).is_some(), "{pointer} of {called}"),
        (Value::Array(items), None) => drop(items.remove(key.parse().expect("an index"))),
        (other, _) => panic!("{other} at {pointer} of {called}"),
    }
    true
}

#[test]
fn every_fault_that_is_put_back_is_reported() {
    let Some(kubectl) = tools().expect("a writable target/").find("kubectl") else {
        println!("SKIPPED: kubectl is not installed, nor Python to install it with");
        return;
    };
    for environment in &ENVIRONMENTS {
        let rendered = render(&kubectl, environment.overlay).expect("an overlay that renders");
        assert_eq!(problems(&rendered, environment), [""; 0], "{}", environment.overlay);
        let all = faults();
        let put_back = all.iter().filter(|fault| {
            let mut objects = rendered.clone();
            let is_there = put(&mut objects, fault);
            let found = problems(&objects, environment);
            assert!(!is_there || !found.is_empty(), "{}: {} is not reported", environment.overlay, fault.0);
            is_there
        });
        // The scalers exist in production only, and development is not monitored.
        let missing = match environment.overlay {
            "production" => 0,
            "staging" => 4,
            _ => 8,
        };
        assert_eq!(put_back.count(), all.len() - missing, "{}", environment.overlay);
    }
}

#[test]
fn every_variable_that_is_removed_is_reported() {
    let Some(kubectl) = tools().expect("a writable target/").find("kubectl") else {
        println!("SKIPPED: kubectl is not installed, nor Python to install it with");
        return;
    };
    let rendered = render(&kubectl, "production").expect("an overlay that renders");
    let count = find(&rendered, "SpinApp", "connectivity").and_then(|it| it.pointer("/spec/variables")?.as_array());
    for index in 0..count.expect("variables").len() {
        let mut objects = rendered.clone();
        let at = format!("/spec/variables/{index}").leak();
        assert!(put(&mut objects, &("a missing variable", "SpinApp", "connectivity", at, None)));
        assert!(!problems(&objects, &ENVIRONMENTS[2]).is_empty(), "variable {index}");
    }
}
