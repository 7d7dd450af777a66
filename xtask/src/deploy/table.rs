//! The table of environments, and the differences of the manifests from it.

use super::manifests::{at, called, find};
use serde_json::{Value, json};

/// A row of the table.
pub(super) struct Environment {
    /// The folder under k8s/overlays.
    pub(super) overlay: &'static str,
    pub(super) namespace: &'static str,
    web_replicas: u64,
    consumer_replicas: u64,
    /// The CPU and memory requests of each pod, of the application and of the bridge.
    requests: [&'static str; 2],
    pub(super) debug: bool,
    image_tag: &'static str,
}

/// The values that were agreed with the operators of the environments. Change a row only after they
/// have agreed to the change.
pub(super) const ENVIRONMENTS: [Environment; 3] = [
    Environment {
        overlay: "development",
        namespace: "connectivity-dev",
        web_replicas: 1,
        consumer_replicas: 1,
        requests: ["100m", "128Mi"],
        debug: true,
        image_tag: "develop-latest",
    },
    Environment {
        overlay: "staging",
        namespace: "connectivity-staging",
        web_replicas: 2,
        consumer_replicas: 1,
        requests: ["150m", "192Mi"],
        debug: false,
        image_tag: "staging-latest",
    },
    Environment {
        overlay: "production",
        namespace: "connectivity",
        web_replicas: 3,
        consumer_replicas: 2,
        requests: ["200m", "256Mi"],
        debug: false,
        image_tag: "main-latest",
    },
];

const BRIDGE_REQUESTS: &str = "/spec/template/spec/containers/0/resources/requests";

/// Returns what the manifests say differently from the table.
pub(super) fn differences(objects: &[Value], expected: &Environment) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, actual: Value, expected: Value| {
        if actual != expected {
            found.push(format!("{what} is {actual}, but the table says {expected}"));
        }
    };
    let [application, executor, bridge, migration] = [
        ("SpinApp", "connectivity"),
        ("SpinAppExecutor", "spintainer"),
        ("Deployment", "connectivity-bridge"),
        ("Job", "connectivity-migration"),
    ]
    .map(|(kind, name)| find(objects, kind, name).unwrap_or(&Value::Null));

    for object in objects {
        let name = if at(object, "/kind") == "Namespace" { "/metadata/name" } else { "/metadata/namespace" };
        same(&format!("the namespace of {}", called(object)), at(object, name).into(), expected.namespace.into());
    }
    same("the number of web replicas", web_replicas(objects, application), expected.web_replicas.into());
    same("the number of consumer replicas", consumer_replicas(objects, bridge), expected.consumer_replicas.into());
    let [cpu, memory] = expected.requests;
    for (what, pod, pointer) in
        [("web", application, "/spec/resources/requests"), ("consumer", bridge, BRIDGE_REQUESTS)]
    {
        let requests = pod.pointer(pointer).unwrap_or(&Value::Null).clone();
        same(&format!("the resource requests of a {what} pod"), requests, json!({"cpu": cpu, "memory": memory}));
    }
    let debugs = |map: &str, key: &str, level: &str| {
        find(objects, "ConfigMap", map)
            .map_or(Value::Null, |map| at(map, &format!("/data/{key}")).contains(level).into())
    };
    same("debug (log_level)", debugs("connectivity-settings", "log_level", "debug"), expected.debug.into());
    same("debug (RUST_LOG)", debugs("connectivity-bridge-settings", "RUST_LOG", "debug"), expected.debug.into());
    for (what, object, pointer) in [
        ("application", application, "/spec/image"),
        ("Spin", executor, "/spec/deploymentConfig/spinImage"),
        ("bridge", bridge, "/spec/template/spec/containers/0/image"),
        ("migration", migration, "/spec/template/spec/containers/0/image"),
    ] {
        let tag = at(object, pointer).rsplit_once(':').map_or("", |(_, tag)| tag);
        same(&format!("the image tag of the {what}"), tag.into(), expected.image_tag.into());
    }
    found
}

/// Returns the replica count of the `SpinApp`, or the minimum of its autoscaler. The operator rejects
/// both at once.
fn web_replicas(objects: &[Value], application: &Value) -> Value {
    let stated = application.pointer("/spec/replicas");
    let is_scaled = application.pointer("/spec/enableAutoscaling") == Some(&Value::Bool(true));
    let scaler = find(objects, "HorizontalPodAutoscaler", "connectivity").filter(|scaler| {
        at(scaler, "/spec/scaleTargetRef/kind") == "Deployment"
            && at(scaler, "/spec/scaleTargetRef/name") == at(application, "/metadata/name")
    });
    either(stated, scaler.filter(|_| is_scaled), is_scaled || scaler.is_some(), "/spec/minReplicas")
}

/// Returns the replica count of the Deployment, which must also be KEDA's minimum. KEDA scales
/// nothing before it has reached RabbitMQ, so the count must be stated.
fn consumer_replicas(objects: &[Value], bridge: &Value) -> Value {
    let stated = bridge.pointer("/spec/replicas");
    let scaler = find(objects, "ScaledObject", "connectivity-bridge");
    match (stated, scaler.map(|scaler| scaler.pointer("/spec/minReplicaCount"))) {
        (Some(stated), Some(minimum)) if minimum != Some(stated) => "not KEDA's minimum".into(),
        (Some(stated), _) => stated.clone(),
        (None, _) => "not stated".into(),
    }
}

fn either(stated: Option<&Value>, scaler: Option<&Value>, is_scaled: bool, minimum: &str) -> Value {
    match (stated, scaler) {
        (Some(stated), None) if !is_scaled => stated.clone(),
        (None, Some(scaler)) => scaler.pointer(minimum).cloned().unwrap_or(Value::Null),
        (Some(_), _) => "both stated and scaled".into(),
        (None, None) => "neither stated nor scaled".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{findings::tools, manifests};
    use super::*;

    /// A pointer into an object, and a value that is wrong there.
    type Change = (&'static str, &'static str, &'static str, Value);

    /// A wrong value for everything that the table states, except the replica counts.
    fn changes() -> Vec<Change> {
        vec![
            ("Namespace", "connectivity", "/metadata/name", json!("elsewhere")),
            ("Deployment", "connectivity-bridge", "/metadata/namespace", json!("elsewhere")),
            ("SpinApp", "connectivity", "/spec/resources/requests/cpu", json!("1m")),
            ("SpinApp", "connectivity", "/spec/resources/requests/memory", json!("1Mi")),
            ("SpinApp", "connectivity", "/spec/image", json!("connectivity:other")),
            ("SpinAppExecutor", "spintainer", "/spec/deploymentConfig/spinImage", json!("connectivity-spin:other")),
            ("Deployment", "connectivity-bridge", "/spec/template/spec/containers/0/resources/requests", json!({})),
            ("Deployment", "connectivity-bridge", "/spec/template/spec/containers/0/image", json!("bridge:other")),
            ("Job", "connectivity-migration", "/spec/template/spec/containers/0/image", json!("bridge:other")),
            ("ConfigMap", "connectivity-settings", "/data/log_level", json!("trace")),
            ("ConfigMap", "connectivity-bridge-settings", "/data/RUST_LOG", json!("trace")),
        ]
    }

    /// Wrong values for the replica counts, which are in other objects in a scaled environment.
    fn replicas(scaled: bool) -> Vec<Change> {
        if scaled {
            vec![
                ("HorizontalPodAutoscaler", "connectivity", "/spec/minReplicas", json!(9)),
                ("HorizontalPodAutoscaler", "connectivity", "/spec/scaleTargetRef/name", json!("other")),
                ("SpinApp", "connectivity", "/spec/enableAutoscaling", json!(false)),
                ("ScaledObject", "connectivity-bridge", "/spec/minReplicaCount", json!(9)),
                ("Deployment", "connectivity-bridge", "/spec/replicas", json!(9)),
            ]
        } else {
            vec![
                ("SpinApp", "connectivity", "/spec/replicas", json!(9)),
                ("Deployment", "connectivity-bridge", "/spec/replicas", json!(9)),
            ]
        }
    }

    fn change(objects: &mut [Value], (kind, name, pointer, wrong): &Change, namespace: &str) {
        let name = if *kind == "Namespace" { namespace } else { name };
        let called = find(objects, kind, name).map_or_else(|| panic!("no {kind} {name}"), called);
        let object = objects.iter_mut().find(|object| super::called(object) == called).expect("the same one");
        let value = object.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer} of {called}"));
        assert_ne!(value, wrong, "{pointer} of {called}");
        *value = wrong.clone();
    }

    #[test]
    fn every_changed_value_of_every_environment_is_reported() {
        let Some(kubectl) = tools().expect("a writable target/").find("kubectl") else {
            println!("SKIPPED: kubectl is not installed, nor Python to install it with");
            return;
        };
        for environment in &ENVIRONMENTS {
            let rendered = manifests::render(&kubectl, environment.overlay).expect("an overlay that renders");
            assert_eq!(differences(&rendered, environment), [""; 0], "{}", environment.overlay);
            let scaled = find(&rendered, "HorizontalPodAutoscaler", "connectivity").is_some();
            let mut all = changes();
            all.extend(replicas(scaled));
            if !environment.debug {
                all.push(("ConfigMap", "connectivity-settings", "/data/log_level", json!("debug")));
            }
            for wrong in all.into_iter().filter(|wrong| environment.debug || wrong.3 != json!("trace")) {
                let mut objects = rendered.clone();
                change(&mut objects, &wrong, environment.namespace);
                assert_eq!(differences(&objects, environment).len(), 1, "{}: {wrong:?}", environment.overlay);
            }
        }
    }

    #[test]
    fn replica_count_that_is_both_stated_and_scaled_is_reported() {
        let application = json!({
            "kind": "SpinApp", "metadata": {"name": "connectivity"},
            "spec": {"replicas": 3, "enableAutoscaling": true},
        });
        let scaler = json!({
            "kind": "HorizontalPodAutoscaler", "metadata": {"name": "connectivity"},
            "spec": {"minReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "connectivity"}},
        });
        assert_eq!(web_replicas(std::slice::from_ref(&scaler), &application), "both stated and scaled");
        assert_eq!(web_replicas(&[], &json!({"spec": {"enableAutoscaling": true}})), "neither stated nor scaled");
        let mut alone = application;
        alone["spec"].as_object_mut().expect("an object").remove("replicas");
        assert_eq!(web_replicas(&[scaler], &alone), 3);
    }
}
