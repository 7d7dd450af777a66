//! A stand-in for SpinKube's operator: makes the Deployment and the Service of a `SpinApp`.
//!
//! They have the names, labels, arguments, variables and probes that the operator (0.6) gives them
//! for an executor with `spinImage`. Fields that the manifests do not use are not supported, and
//! are reported.

use crate::deploy::manifests::{at, called, find};
use crate::failure::Failure;
use serde_json::{Map, Value, json};

/// The port on which the operator makes Spin listen, and its name.
const PORT: u16 = 80;
const PORT_NAME: &str = "http-app";

/// The label with the name of a `SpinApp`.
const APP_NAME: &str = "core.spinkube.dev/app-name";

/// The file with Spin's runtime configuration, which the operator names even if it mounts none.
const RUNTIME_CONFIG: &str = "/runtime-config.toml";

/// The fields of a `SpinApp` that are understood here.
const KNOWN: [&str; 16] = [
    "checks",
    "deploymentAnnotations",
    "enableAutoscaling",
    "executor",
    "image",
    "imagePullSecrets",
    "podAnnotations",
    "podLabels",
    "replicas",
    "resources",
    "runtimeConfig",
    "serviceAccountName",
    "serviceAnnotations",
    "variables",
    "volumeMounts",
    "volumes",
];

/// Returns the Deployment and the Service of each `SpinApp` among the objects.
pub(crate) fn made(objects: &[Value]) -> Result<Vec<Value>, Failure> {
    let applications = objects.iter().filter(|object| at(object, "/kind") == "SpinApp");
    let made = applications.map(|application| Ok([deployment(application, objects)?, service(application)]));
    Ok(made.collect::<Result<Vec<_>, Failure>>()?.into_iter().flatten().collect())
}

fn deployment(application: &Value, objects: &[Value]) -> Result<Value, Failure> {
    let name = at(application, "/metadata/name");
    let spec = spec(application)?;
    let executor = at(application, "/spec/executor");
    let image = find(objects, "SpinAppExecutor", executor).map_or("", |it| at(it, "/spec/deploymentConfig/spinImage"));
    if image.is_empty() {
        return Err(Failure(format!("{}: there is no executor {executor} with a spinImage", called(application))));
    }
    if spec.contains_key("replicas") && spec.get("enableAutoscaling") == Some(&json!(true)) {
        return Err(Failure(format!("{}: the operator rejects replicas with enableAutoscaling", called(application))));
    }
    let selector = json!({APP_NAME: name, ready_label(name): "ready"});
    let (volumes, mounts) = volumes(application);
    let listen = format!("0.0.0.0:{PORT}");
    let args =
        ["up", "--listen", &listen, "-f", at(application, "/spec/image"), "--runtime-config-file", RUNTIME_CONFIG];
    let container = json!({
        "name": name,
        "image": image,
        "args": args,
        "ports": [{"name": PORT_NAME, "containerPort": PORT}],
        "env": environment(application, &listen),
        "volumeMounts": mounts,
        "resources": spec.get("resources").cloned().unwrap_or_else(|| json!({})),
        "livenessProbe": probe(application, "liveness"),
        "readinessProbe": probe(application, "readiness"),
    });
    let account = at(application, "/spec/serviceAccountName");
    let pod = json!({
        "serviceAccountName": if account.is_empty() { "default" } else { account },
        "containers": [without_nulls(container)],
        "imagePullSecrets": spec.get("imagePullSecrets").cloned().unwrap_or_else(|| json!([])),
        "volumes": volumes,
    });
    let deployment = json!({
        "replicas": spec.get("replicas"),
        "selector": {"matchLabels": selector},
        "template": {
            "metadata": {
                "labels": merged(spec.get("podLabels"), &selector),
                "annotations": spec.get("podAnnotations").cloned().unwrap_or_else(|| json!({})),
            },
            "spec": pod,
        },
    });
    let annotations = spec.get("deploymentAnnotations").cloned().unwrap_or_else(|| json!({}));
    Ok(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(application, &annotations),
        "spec": without_nulls(deployment),
    }))
}

fn service(application: &Value) -> Value {
    let annotations = application.pointer("/spec/serviceAnnotations").cloned().unwrap_or_else(|| json!({}));
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(application, &annotations),
        "spec": {
            "type": "ClusterIP",
            "ports": [{"protocol": "TCP", "port": PORT, "targetPort": PORT_NAME}],
            "selector": {ready_label(at(application, "/metadata/name")): "ready"},
        },
    })
}

fn spec(application: &Value) -> Result<&Map<String, Value>, Failure> {
    let missing = || Failure(format!("{} has no spec", called(application)));
    let spec = application.get("spec").and_then(Value::as_object).ok_or_else(missing)?;
    match spec.keys().find(|field| !KNOWN.contains(&field.as_str())) {
        Some(field) => {
            Err(Failure(format!("{}: the stand-in operator does not know spec.{field}", called(application))))
        }
        None => Ok(spec),
    }
}

fn metadata(application: &Value, annotations: &Value) -> Value {
    let name = at(application, "/metadata/name");
    json!({
        "name": name,
        "namespace": at(application, "/metadata/namespace"),
        "labels": {APP_NAME: name},
        "annotations": annotations,
    })
}

/// Returns the label by which the Service selects pods.
fn ready_label(name: &str) -> String {
    format!("core.spinkube.dev/app.{name}.status")
}

/// Returns the environment variables: one for each variable of the application, and the address.
fn environment(application: &Value, listen: &str) -> Vec<Value> {
    let given = application.pointer("/spec/variables").and_then(Value::as_array).into_iter().flatten();
    let variables = given.map(|variable| {
        let mut variable = variable.clone();
        variable["name"] = format!("SPIN_VARIABLE_{}", at(&variable, "/name").to_uppercase()).into();
        variable
    });
    variables.chain([json!({"name": "SPIN_HTTP_LISTEN_ADDR", "value": listen})]).collect()
}

/// Returns the volumes and their mounts: first that of the runtime configuration, if there is one.
fn volumes(application: &Value) -> (Vec<Value>, Vec<Value>) {
    let list = |pointer: &str| application.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut volumes, mut mounts) = (Vec::new(), Vec::new());
    let secret = at(application, "/spec/runtimeConfig/loadFromSecret");
    if !secret.is_empty() {
        let file = RUNTIME_CONFIG.trim_start_matches('/');
        let source = json!({"secretName": secret, "optional": true, "items": [{"key": file, "path": file}]});
        volumes.push(json!({"name": "spin-runtime-config", "secret": source}));
        mounts.push(json!({
            "name": "spin-runtime-config", "readOnly": true, "mountPath": RUNTIME_CONFIG, "subPath": file,
        }));
    }
    volumes.extend(list("/spec/volumes"));
    mounts.extend(list("/spec/volumeMounts"));
    (volumes, mounts)
}

/// Returns a probe with the port that the operator adds to it.
fn probe(application: &Value, name: &str) -> Value {
    let mut probe =
        application.pointer("/spec/checks").and_then(|checks| checks.get(name)).cloned().unwrap_or_default();
    if let Some(get) = probe.get_mut("httpGet") {
        get["port"] = PORT.into();
    }
    probe
}

/// Returns the entries of both objects. Those of the second one win.
fn merged(first: Option<&Value>, second: &Value) -> Value {
    let entries = [first, Some(second)].into_iter().flatten().filter_map(Value::as_object).flatten();
    entries.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>().into()
}

fn without_nulls(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

#[cfg(test)]
mod tests;
