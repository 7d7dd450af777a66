//! `cargo xtask test --cluster`: applies the manifests to pods on this machine.
//!
//! podman runs the pods. A stand-in for SpinKube's operator makes the components' Deployment, and
//! what else of a cluster podman lacks is done in [`plan`]. The images contain the local host in
//! place of Spin. tests/cluster has the same for a real cluster.

mod checks;
mod endpoints;
mod http;
mod images;
pub(crate) mod operator;
mod plan;
mod podman;
mod prepare;
mod relay;
mod results;
mod secrets;
mod servers;

use crate::build::{self, BRIDGE, HOST, SIMULATOR};
use crate::deploy::findings::tools;
use crate::deploy::manifests::at;
use crate::deploy::overlays::PODMAN;
use crate::failure::Failure;
use crate::run::{announce, say};
use crate::services;
use crate::token::random;
use checks::Cluster;
use podman::Podman;
use results::Results;
use serde_json::Value;
use std::path::Path;

/// Builds the programs and components, applies the manifests, and checks what runs.
pub(crate) fn test() -> Result<(), Failure> {
    prepare::check()?;
    build::application(&[HOST, BRIDGE, SIMULATOR])?;
    services::during(|| {
        let podman = Podman::start()?;
        let images = images::build(&podman)?;
        run(&podman, &render(&images)?)
    })?;
    say!("the manifests work in the cluster");
    Ok(())
}

/// Renders the release, and adds what the operator makes of it.
fn render(images: &Path) -> Result<Vec<Value>, Failure> {
    announce("rendering the release");
    let tools = tools()?;
    let mut objects = PODMAN.render(&tools, images, "of-this-checkout")?;
    objects.extend(operator::made(&objects)?);
    Ok(objects)
}

fn run(podman: &Podman, objects: &[Value]) -> Result<(), Failure> {
    let gateway = podman.gateway()?;
    let database = random()?;
    let servers = servers::start(gateway, &database)?;
    let secrets = secrets::create(podman, bridge_image(objects), &database)?;
    let plan = plan::plan(objects, gateway, &servers.endpoints, &secrets.names)?;
    let left_out: Vec<_> = plan.left_out.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    say!("podman has no counterpart of {}", left_out.join(", "));
    let cluster = Cluster { podman, plan: &plan, smoke_secret: &secrets.smoke_secret };
    try_out(&cluster).inspect_err(|_| cluster.show_logs())
}

fn try_out(cluster: &Cluster<'_>) -> Result<(), Failure> {
    cluster.migrate()?;
    cluster.roll_out()?;
    cluster.check_citizens()?;
    let results = Results::start(&cluster.last_bridge()?)?;
    cluster.check_document(&results, "first")?;
    cluster.survive_the_application(&results)?;
    cluster.survive_a_bridge(&results)?;
    drop(results);
    // A second rollout: the migration has nothing to do, and the pods are replaced.
    cluster.migrate()?;
    cluster.roll_out()?;
    let results = Results::start(&cluster.last_bridge()?)?;
    cluster.check_document(&results, "second")
}

/// Returns the image of the bridge.
fn bridge_image(objects: &[Value]) -> &str {
    let job = objects.iter().find(|object| at(object, "/kind") == "Job");
    job.map_or("", |job| at(job, "/spec/template/spec/containers/0/image"))
}
