//! What podman has to run for the manifests of an environment.
//!
//! Does what a cluster's controllers, its name service and its kubelet do, as far as podman does
//! not: makes pods of Deployments and Jobs, gives Services an address, and sets the environment
//! variables of Services.

use super::endpoints::{Endpoint, aliases, links};
use crate::deploy::manifests::{at, called};
use crate::deploy::selectors::{number_of, selects};
use crate::failure::Failure;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The kinds that are made to run here. `SpinApp` and `SpinAppExecutor` are the stand-in
/// operator's.
const KINDS: [&str; 6] = ["ConfigMap", "Deployment", "Job", "Service", "SpinApp", "SpinAppExecutor"];

/// The distance between the address of the machine and that of the first pod.
const FIRST_POD: u32 = 10;

/// The pods of a Deployment.
pub(super) struct Workload {
    pub(super) name: String,
    pub(super) pods: Vec<Value>,
    pub(super) addresses: Vec<Ipv4Addr>,
    pub(super) readiness: Probe,
    pub(super) liveness: Probe,
}

/// A check of a container over HTTP.
#[derive(Debug, PartialEq)]
pub(super) struct Probe {
    pub(super) path: String,
    pub(super) port: u16,
    pub(super) timeout_seconds: u64,
}

/// What runs.
pub(super) struct Plan {
    pub(super) config_maps: Vec<Value>,
    pub(super) migration: Value,
    pub(super) workloads: Vec<Workload>,
    /// How many objects of which kinds have no counterpart here.
    pub(super) left_out: BTreeMap<String, usize>,
}

/// Returns what runs for these objects. `servers` are the Services that other manifests define, and
/// `secrets` the names of the secrets that exist.
pub(super) fn plan(
    objects: &[Value],
    gateway: Ipv4Addr,
    servers: &[Endpoint],
    secrets: &[&str],
) -> Result<Plan, Failure> {
    let of_kind = |kind: &'static str| objects.iter().filter(move |object| at(object, "/kind") == kind);
    let deployments: Vec<_> = of_kind("Deployment").collect();
    let mut free = (u32::from(gateway) + FIRST_POD..).map(Ipv4Addr::from);
    let mut addresses = BTreeMap::new();
    for deployment in &deployments {
        let replicas = deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        let own: Vec<_> = (0..replicas).filter_map(|_| free.next()).collect();
        addresses.insert(at(deployment, "/metadata/name"), own);
    }
    let mut services = servers.to_vec();
    for service in of_kind("Service") {
        services.push(endpoint(service, &deployments, &addresses)?);
    }
    let jobs: Vec<_> = of_kind("Job").collect();
    let [migration] = jobs.as_slice() else { return Err(Failure(format!("{} jobs instead of one", jobs.len()))) };
    let mut workloads = Vec::new();
    for deployment in deployments {
        let name = at(deployment, "/metadata/name");
        let addresses = addresses.get(name).cloned().unwrap_or_default();
        let pods = (0..addresses.len()).map(|number| pod(&format!("{name}-{number}"), deployment, &services, secrets));
        workloads.push(Workload {
            pods: pods.collect(),
            addresses,
            readiness: probe(deployment, "readinessProbe")?,
            liveness: probe(deployment, "livenessProbe")?,
            name: name.to_owned(),
        });
    }
    let mut left_out = BTreeMap::new();
    for kind in objects.iter().map(|object| at(object, "/kind")).filter(|kind| !KINDS.contains(kind)) {
        *left_out.entry(kind.to_owned()).or_insert(0) += 1;
    }
    Ok(Plan {
        config_maps: of_kind("ConfigMap").cloned().collect(),
        migration: pod(at(migration, "/metadata/name"), migration, &services, secrets),
        workloads,
        left_out,
    })
}

/// Returns the address of a Service: that of the first pod that it selects.
fn endpoint(
    service: &Value,
    deployments: &[&Value],
    addresses: &BTreeMap<&str, Vec<Ipv4Addr>>,
) -> Result<Endpoint, Failure> {
    let selector = service.pointer("/spec/selector").unwrap_or(&Value::Null);
    let deployment = deployments.iter().find(|deployment| selects(selector, deployment));
    let first = deployment.and_then(|deployment| addresses.get(at(deployment, "/metadata/name"))?.first().copied());
    let port = service.pointer("/spec/ports/0/port").and_then(Value::as_u64);
    let target = service.pointer("/spec/ports/0/targetPort").or_else(|| service.pointer("/spec/ports/0/port"));
    let target = deployment.and_then(|deployment| number_of(target?, deployment));
    match (first, port, target) {
        (Some(address), Some(port), Some(target)) if port == u64::from(target) => {
            Ok(Endpoint { name: at(service, "/metadata/name").to_owned(), address, port: target })
        }
        (Some(_), Some(port), Some(target)) => {
            Err(Failure(format!("{}: podman cannot map port {port} to port {target}", called(service))))
        }
        _ => Err(Failure(format!("{} selects no pod that has its port", called(service)))),
    }
}

/// Returns a pod with the template of a Deployment or Job.
///
/// Probes and ports are left out: podman calls probes with curl, which the images do not have, and
/// would publish the ports on this machine. [`Probe`] replaces them.
fn pod(name: &str, object: &Value, services: &[Endpoint], secrets: &[&str]) -> Value {
    let template = object.pointer("/spec/template").cloned().unwrap_or_default();
    let mut spec = template["spec"].clone();
    spec["hostAliases"] = aliases(services);
    // The kubelet's default is true.
    let links = if spec["enableServiceLinks"] == false { Vec::new() } else { links(services) };
    let absent = mark_present(&mut spec, secrets);
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        let own = container["env"].as_array().cloned().unwrap_or_default();
        container["env"] = links.iter().cloned().chain(own).collect();
        let Some(fields) = container.as_object_mut() else { continue };
        fields.retain(|field, _| !["ports", "livenessProbe", "readinessProbe"].contains(&field.as_str()));
        if let Some(mounts) = fields.get_mut("volumeMounts").and_then(Value::as_array_mut) {
            mounts.retain(|mount| !absent.iter().any(|volume| *volume == mount["name"]));
        }
    }
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec})
}

/// Removes the volumes of optional secrets that do not exist, and returns their names. For the
/// others, says that the secret is needed: podman mounts no optional one.
fn mark_present(spec: &mut Value, secrets: &[&str]) -> Vec<Value> {
    let mut absent = Vec::new();
    if let Some(volumes) = spec["volumes"].as_array_mut() {
        volumes.retain_mut(|volume| {
            let Some(secret) = volume.get_mut("secret") else { return true };
            if secrets.contains(&at(secret, "/secretName")) || secret["optional"] != true {
                secret["optional"] = false.into();
                return true;
            }
            absent.push(volume["name"].clone());
            false
        });
    }
    absent
}

/// Returns a probe of the first container, with the number of its port.
fn probe(deployment: &Value, name: &str) -> Result<Probe, Failure> {
    let probe = deployment.pointer(&format!("/spec/template/spec/containers/0/{name}"));
    let missing = || Failure(format!("{} has no {name} over HTTP", called(deployment)));
    let get = probe.and_then(|probe| probe.get("httpGet")).ok_or_else(missing)?;
    Ok(Probe {
        path: at(get, "/path").to_owned(),
        port: get.get("port").and_then(|port| number_of(port, deployment)).ok_or_else(missing)?,
        timeout_seconds: probe.and_then(|probe| probe.get("timeoutSeconds")?.as_u64()).unwrap_or(1),
    })
}

#[cfg(test)]
mod tests;
