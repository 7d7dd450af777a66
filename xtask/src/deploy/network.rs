//! What the network policies allow.

use super::manifests::{at, called, documents};
use crate::failure::Failure;
use crate::project::text;
use serde_json::{Value, json};

const NAME: &str = "app.kubernetes.io/name";
const APPLICATION: &str = "core.spinkube.dev/app-name";

/// Our pods, and the ports of the servers that each of them needs.
const PODS: [(&str, &[u64]); 3] = [
    ("connectivity", &[53, 443, 3306, 6379]),
    ("connectivity-bridge", &[53, 80, 5672]),
    ("connectivity-migration", &[53, 3306]),
];

/// The networks that hold a cluster's own addresses.
const PRIVATE: [&str; 5] = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"];

/// The paths that an ingress may expose.
const PUBLIC: [&str; 3] = ["/api/", "/oauth/", "/.well-known/"];

/// Returns the problems of an environment's policies.
pub(super) fn problems(objects: &[Value]) -> Vec<String> {
    let policies: Vec<_> = objects.iter().filter(|object| at(object, "/kind") == "NetworkPolicy").collect();
    let mut found: Vec<_> = policies.iter().flat_map(|policy| policy_problems(policy)).collect();
    for (pod, ports) in PODS {
        let of_pod: Vec<_> = policies.iter().filter(|policy| selected(policy).contains(&pod)).collect();
        if !of_pod.iter().any(|policy| denies_all(policy)) {
            found.push(format!("the pods {pod} need a policy that denies everything"));
        }
        let allowed: Vec<_> = of_pod.iter().flat_map(|policy| rules(policy, "egress")).flat_map(ports_of).collect();
        found.extend(ports.iter().filter(|port| !allowed.contains(port)).map(|port| {
            format!("the pods {pod} need egress on port {port}: use k8s/components/peers-in-namespace, or one like it")
        }));
    }
    found.extend(objects.iter().filter_map(unlabelled));
    found.extend(objects.iter().flat_map(exposed));
    found
}

/// Returns the problem of an object whose pods no policy selects.
fn unlabelled(object: &Value) -> Option<String> {
    let labels = match at(object, "/kind") {
        "SpinApp" => "/spec/podLabels",
        "Deployment" | "Job" => "/spec/template/metadata/labels",
        _ => return None,
    };
    let label = object.pointer(labels).and_then(|labels| labels.get(NAME)).and_then(Value::as_str).unwrap_or_default();
    let is_known = PODS.iter().any(|(pod, _)| *pod == label);
    (!is_known).then(|| format!("{}: its pods need the label {NAME}, by which policies select them", called(object)))
}

/// Returns the problems of the Ingress that the documentation shows.
pub(super) fn documented() -> Result<Vec<String>, Failure> {
    let page = text("docs/deployment.md")?;
    let mut shown = Vec::new();
    for block in page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        shown.extend(documents(block, "docs/deployment.md")?);
    }
    let shows_one = shown.iter().any(|object| at(object, "/kind") == "Ingress");
    let missing = (!shows_one).then(|| "docs/deployment.md shows no Ingress".to_owned());
    Ok(shown.iter().flat_map(exposed).chain(missing).collect())
}

fn policy_problems(policy: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let name = called(policy);
    let selected = selected(policy);
    if selected.is_empty() || selected.iter().any(|name| PODS.iter().all(|(pod, _)| pod != name)) {
        found.push(format!("{name} selects pods that are not ours: select them by {NAME} or {APPLICATION}"));
    }
    for rule in rules(policy, "egress") {
        let peers = list(rule, "/to");
        let ports: Vec<_> = ports_of(rule).collect();
        if peers.is_empty() || !peers.iter().all(|peer| is_bounded(peer, &ports)) {
            found.push(format!("{name} allows ports {ports:?} to anywhere: name the peers"));
        }
        let node_cache = json!({"ipBlock": {"cidr": "169.254.20.10/32"}});
        if ports.contains(&53) && !peers.contains(&node_cache) {
            found.push(format!("{name} does not allow NodeLocal DNSCache (169.254.20.10)"));
        }
    }
    for rule in rules(policy, "ingress") {
        let peers = list(rule, "/from");
        let open = peers.is_empty() || ports_of(rule).any(|port| !peers.iter().all(|peer| may_enter(peer, port)));
        if open || ports_of(rule).next().is_none() {
            found.push(format!(
                "{name} is open to callers: only the ingress, Prometheus and the bridge may reach port 80, and only \
                 Prometheus port 9100"
            ));
        }
    }
    found
}

/// Returns whether a peer may reach a port of ours. The ingress exposes the public paths only.
fn may_enter(peer: &Value, port: u64) -> bool {
    let namespace = |label: &str| json!({"namespaceSelector": {"matchLabels": {label: "allowed"}}});
    let bridge = json!({"podSelector": {"matchLabels": {NAME: "connectivity-bridge"}}});
    let is_prometheus = *peer == namespace("connectivity/metrics");
    match port {
        80 => is_prometheus || *peer == bridge || *peer == namespace("connectivity/ingress"),
        9100 => is_prometheus,
        _ => false,
    }
}

/// Returns whether a peer of an egress rule is less than everything.
fn is_bounded(peer: &Value, ports: &[u64]) -> bool {
    let Some(block) = peer.get("ipBlock") else {
        return ["podSelector", "namespaceSelector"].iter().filter_map(|kind| peer.get(kind)).any(has_labels);
    };
    if !at(block, "/cidr").ends_with("/0") {
        return true;
    }
    let except: Vec<_> = list(block, "/except").iter().filter_map(Value::as_str).collect();
    let is_public = if at(block, "/cidr").contains(':') {
        except.contains(&"fc00::/7")
    } else {
        PRIVATE.iter().all(|network| except.contains(network))
    };
    is_public && ports == [443]
}

fn has_labels(selector: &Value) -> bool {
    selector.pointer("/matchLabels").and_then(Value::as_object).is_some_and(|labels| !labels.is_empty())
}

fn denies_all(policy: &Value) -> bool {
    let types: Vec<_> = list(policy, "/spec/policyTypes").iter().filter_map(Value::as_str).collect();
    types.contains(&"Ingress")
        && types.contains(&"Egress")
        && rules(policy, "ingress").is_empty()
        && rules(policy, "egress").is_empty()
}

/// Returns the names of the pods that a policy selects by their labels.
fn selected(policy: &Value) -> Vec<&str> {
    let selector = policy.pointer("/spec/podSelector").unwrap_or(&Value::Null);
    let labels = selector.pointer("/matchLabels").and_then(Value::as_object).into_iter().flatten();
    let by_label =
        labels.filter(|(key, _)| [NAME, APPLICATION].contains(&key.as_str())).filter_map(|(_, value)| value.as_str());
    let expressions = list(selector, "/matchExpressions").iter();
    let by_name =
        expressions.filter(|expression| at(expression, "/key") == NAME && at(expression, "/operator") == "In");
    by_label.chain(by_name.flat_map(|expression| list(expression, "/values")).filter_map(Value::as_str)).collect()
}

/// Returns the paths of an Ingress that are not for callers.
fn exposed(object: &Value) -> Vec<String> {
    if at(object, "/kind") != "Ingress" {
        return Vec::new();
    }
    let paths =
        list(object, "/spec/rules").iter().flat_map(|rule| list(rule, "/http/paths")).map(|path| at(path, "/path"));
    let wrong = paths.filter(|path| !PUBLIC.contains(path));
    wrong.map(|path| format!("{} exposes {path}: only {} are public", called(object), PUBLIC.join(", "))).collect()
}

fn rules<'a>(policy: &'a Value, direction: &str) -> &'a [Value] {
    list(policy, &format!("/spec/{direction}"))
}

fn ports_of(rule: &Value) -> impl Iterator<Item = u64> + '_ {
    list(rule, "/ports").iter().filter_map(|port| port.get("port")?.as_u64())
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
