use super::*;
use crate::deploy::manifests::{documents, find};
use crate::project::text;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn rabbitmq() -> Vec<Endpoint> {
    vec![Endpoint { name: "rabbitmq".into(), address: GATEWAY, port: 5672 }]
}

/// The bridge and the migration of the manifests.
fn objects() -> Vec<Value> {
    let of = |path: &str| documents(&text(path).expect(path), path).expect(path);
    [of("k8s/base/bridge.yaml"), of("k8s/base/migration.yaml")].concat()
}

fn planned(objects: &[Value], secrets: &[&str]) -> Plan {
    plan(objects, GATEWAY, &rabbitmq(), secrets).map_err(|failure| failure.0).expect("a plan")
}

fn bridge(objects: &mut [Value]) -> &mut Value {
    objects.iter_mut().find(|object| at(object, "/kind") == "Deployment").expect("the bridge")
}

#[test]
fn replicas_become_pods_with_addresses_of_their_own() {
    let mut objects = objects();
    bridge(&mut objects)["spec"]["replicas"] = 2.into();
    let plan = planned(&objects, &[]);
    let [workload] = plan.workloads.as_slice() else { panic!("{} workloads", plan.workloads.len()) };
    let names: Vec<_> = workload.pods.iter().map(|pod| at(pod, "/metadata/name")).collect();
    assert_eq!(names, ["connectivity-bridge-0", "connectivity-bridge-1"]);
    assert_eq!(workload.addresses, [Ipv4Addr::new(10, 0, 0, 11), Ipv4Addr::new(10, 0, 0, 12)]);
    assert_eq!(workload.readiness, Probe { path: "/health/ready".into(), port: 9100, timeout_seconds: 3 });
}

#[test]
fn pods_know_the_names_of_all_services() {
    let plan = planned(&objects(), &[]);
    let expected = json!([
        {"ip": "10.0.0.1", "hostnames": ["rabbitmq"]},
        {"ip": "10.0.0.11", "hostnames": ["connectivity-bridge"]},
    ]);
    assert_eq!(plan.migration["spec"]["hostAliases"], expected);
    assert_eq!(plan.migration["spec"]["restartPolicy"], "Never");
}

#[test]
fn service_named_rabbitmq_sets_no_setting_of_the_bridge() {
    let port = |objects: &[Value]| {
        let plan = planned(objects, &[]);
        let environment = plan.workloads[0].pods[0]["spec"]["containers"][0]["env"].as_array().cloned();
        let mut variables = environment.expect("variables").into_iter();
        variables.find(|variable| variable["name"] == "RABBITMQ_PORT").map(|variable| variable["value"].clone())
    };
    let mut objects = objects();
    assert_eq!(port(&objects), None);
    bridge(&mut objects)["spec"]["template"]["spec"]["enableServiceLinks"] = true.into();
    assert_eq!(port(&objects), Some(json!("tcp://10.0.0.1:5672")));
}

#[test]
fn volume_of_an_optional_secret_is_mounted_if_the_secret_exists() {
    let mut objects = objects();
    let spec = &mut bridge(&mut objects)["spec"]["template"]["spec"];
    spec["volumes"] = json!([{"name": "v", "secret": {"secretName": "s", "optional": true}}]);
    spec["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    let spec = |secrets: &[&str]| planned(&objects, secrets).workloads[0].pods[0]["spec"].clone();
    assert_eq!(spec(&["s"])["volumes"][0]["secret"]["optional"], false);
    assert_eq!(spec(&["s"])["containers"][0]["volumeMounts"][0]["name"], "v");
    assert_eq!((&spec(&[])["volumes"], &spec(&[])["containers"][0]["volumeMounts"]), (&json!([]), &json!([])));
}

#[test]
fn service_without_pods_or_with_another_port_is_reported() {
    let problem = |pointer: &str, value: Value| {
        let mut objects = objects();
        let service = objects.iter_mut().find(|object| at(object, "/kind") == "Service").expect("a Service");
        *service.pointer_mut(pointer).expect(pointer) = value;
        plan(&objects, GATEWAY, &[], &[]).err().expect("a problem").0
    };
    assert!(problem("/spec/selector", json!({"app": "other"})).contains("selects no pod"));
    assert!(problem("/spec/ports/0/targetPort", json!("other")).contains("selects no pod"));
    assert!(problem("/spec/ports/0/port", json!(80)).contains("cannot map port 80 to port 9100"));
}

#[test]
fn kinds_without_a_counterpart_are_counted() {
    let mut objects = objects();
    objects.extend([json!({"kind": "NetworkPolicy"}), json!({"kind": "NetworkPolicy"}), json!({"kind": "SpinApp"})]);
    assert_eq!(planned(&objects, &[]).left_out, BTreeMap::from([("NetworkPolicy".to_owned(), 2)]));
    assert!(find(&objects, "Service", "connectivity-bridge").is_some());
}
