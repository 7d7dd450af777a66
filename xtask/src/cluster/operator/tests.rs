use super::*;

fn application(spec: &Value) -> Vec<Value> {
    let mut application = json!({
        "kind": "SpinApp",
        "metadata": {"name": "shop", "namespace": "town"},
        "spec": {"executor": "spintainer", "image": "registry.test/shop:1"},
    });
    application["spec"] = merged(application.get("spec"), spec);
    let executor = json!({
        "kind": "SpinAppExecutor",
        "metadata": {"name": "spintainer"},
        "spec": {"deploymentConfig": {"spinImage": "registry.test/spin:1"}},
    });
    vec![application, executor]
}

fn deployed(spec: &Value) -> Value {
    made(&application(spec)).expect("a Deployment").remove(0)
}

fn container(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn spin_is_started_with_the_application_and_the_port_of_the_service() {
    let objects = made(&application(&json!({}))).expect("objects");
    let [deployment, service] = objects.as_slice() else { panic!("{objects:?}") };
    let container = container(deployment);
    assert_eq!(container["image"], "registry.test/spin:1");
    assert_eq!(
        container["args"],
        json!([
            "up",
            "--listen",
            "0.0.0.0:80",
            "-f",
            "registry.test/shop:1",
            "--runtime-config-file",
            "/runtime-config.toml"
        ])
    );
    assert_eq!(container["ports"], json!([{"name": "http-app", "containerPort": 80}]));
    assert_eq!(service["spec"]["ports"], json!([{"protocol": "TCP", "port": 80, "targetPort": "http-app"}]));
    for object in [deployment, service] {
        assert_eq!((at(object, "/metadata/name"), at(object, "/metadata/namespace")), ("shop", "town"));
    }
}

#[test]
fn labels_of_the_pods_satisfy_both_selectors() {
    let objects = made(&application(&json!({"podLabels": {"team": "blue"}}))).expect("objects");
    let labels = &objects[0]["spec"]["template"]["metadata"]["labels"];
    assert_eq!(
        *labels,
        json!({"team": "blue", "core.spinkube.dev/app-name": "shop", "core.spinkube.dev/app.shop.status": "ready"})
    );
    for selector in [&objects[0]["spec"]["selector"]["matchLabels"], &objects[1]["spec"]["selector"]] {
        for (key, value) in selector.as_object().expect("a selector") {
            assert_eq!(labels.get(key), Some(value));
        }
    }
}

#[test]
fn variables_become_environment_variables() {
    let source = json!({"secretKeyRef": {"name": "s", "key": "api_key"}});
    let deployment =
        deployed(&json!({"variables": [{"name": "api_key", "valueFrom": source}, {"name": "a", "value": "1"}]}));
    assert_eq!(
        container(&deployment)["env"],
        json!([
            {"name": "SPIN_VARIABLE_API_KEY", "valueFrom": source},
            {"name": "SPIN_VARIABLE_A", "value": "1"},
            {"name": "SPIN_HTTP_LISTEN_ADDR", "value": "0.0.0.0:80"},
        ])
    );
}

#[test]
fn probes_get_the_port() {
    let check = json!({"httpGet": {"path": "/health/live"}, "periodSeconds": 10});
    let deployment = deployed(&json!({"checks": {"liveness": check}}));
    let expected = json!({"httpGet": {"path": "/health/live", "port": 80}, "periodSeconds": 10});
    assert_eq!(container(&deployment)["livenessProbe"], expected);
    assert!(container(&deployment).get("readinessProbe").is_none());
}

#[test]
fn runtime_configuration_is_mounted_before_other_volumes() {
    let volume = json!({"name": "own", "emptyDir": {}});
    let spec = json!({"runtimeConfig": {"loadFromSecret": "config"}, "volumes": [volume]});
    let deployment = deployed(&spec);
    let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[0]["secret"]["secretName"], "config");
    assert_eq!(volumes[1], volume);
    assert_eq!(container(&deployment)["volumeMounts"][0]["mountPath"], "/runtime-config.toml");
}

#[test]
fn autoscaled_application_states_no_replicas() {
    assert_eq!(deployed(&json!({"replicas": 2}))["spec"]["replicas"], 2);
    assert!(deployed(&json!({"enableAutoscaling": true}))["spec"].get("replicas").is_none());
    assert!(made(&application(&json!({"enableAutoscaling": true, "replicas": 2}))).is_err());
}

#[test]
fn missing_executor_and_unknown_field_are_reported() {
    let problem = |objects: &[Value]| made(objects).expect_err("a problem").0;
    assert!(problem(&application(&json!({"executor": "other"}))).contains("no executor other"));
    assert!(problem(&application(&json!({"invocationLimits": {}}))).contains("spec.invocationLimits"));
}
