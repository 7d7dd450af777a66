//! What is tried in the running cluster.

use super::http::{self, Response};
use super::plan::{Plan, Probe, Workload};
use super::podman::Podman;
use super::results::Results;
use super::secrets::SMOKE;
use crate::deploy::manifests::at;
use crate::failure::{Failure, failed};
use crate::run::{announce, say};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long a pod may take to become ready: it compiles the components first.
const READY_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a result may take, with the delay before the second attempt.
const RESULT_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a killed pod may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// The cluster, as the checks see it.
pub(super) struct Cluster<'a> {
    pub(super) podman: &'a Podman,
    pub(super) plan: &'a Plan,
    pub(super) smoke_secret: &'a str,
}

impl Cluster<'_> {
    /// Runs the migration to its end, as the rollout does before everything else.
    pub(super) fn migrate(&self) -> Result<(), Failure> {
        announce("migrating the database schema");
        let pod = &self.plan.migration;
        self.play(std::slice::from_ref(pod), &[])?;
        let container = container(pod);
        let code = self.podman.output(&["wait", &container])?;
        let (log, errors) = self.podman.both(&["logs", &container])?;
        say!("{}", format!("{log}{errors}").trim());
        if code.trim() == "0" { Ok(()) } else { Err(Failure(format!("the migration ended with {}", code.trim()))) }
    }

    /// Starts all pods, and waits until they are ready.
    pub(super) fn roll_out(&self) -> Result<(), Failure> {
        announce("rolling out");
        for workload in &self.plan.workloads {
            self.play(&workload.pods, &workload.addresses)?;
        }
        self.wait_until_ready()
    }

    /// Waits until the readiness and liveness probes of all pods succeed.
    pub(super) fn wait_until_ready(&self) -> Result<(), Failure> {
        for workload in &self.plan.workloads {
            for (pod, address) in workload.pods.iter().zip(&workload.addresses) {
                let name = container(pod);
                let mut ended = Ok(());
                let took = self.podman.wait(&format!("{name} is ready"), READY_TIMEOUT, || {
                    ended = self.check_running(&name);
                    if ended.is_err() { Ok(()) } else { probe(*address, &workload.readiness) }
                })?;
                ended?;
                probe(*address, &workload.liveness)?;
                say!("{name} is ready and alive after {:.1} s", took.as_secs_f64());
            }
        }
        Ok(())
    }

    /// Gets a token, and asks for citizens with it.
    pub(super) fn check_citizens(&self) -> Result<(), Failure> {
        announce("asking for a token and checking citizens");
        let address = SocketAddr::from((self.workload("connectivity")?.addresses[0], 80));
        let form = format!(
            "grant_type=client_credentials&scope=affiliation&client_id={SMOKE}&client_secret={}",
            self.smoke_secret
        );
        let answer = http::post(address, "/oauth/token", "content-type: application/x-www-form-urlencoded\r\n", &form)?;
        let token: Value = serde_json::from_str(expect(&answer, 200)?).map_err(failed("/oauth/token"))?;
        let token = token["access_token"].as_str().unwrap_or_default();
        let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
        // The simulator says that ids with an even last digit are free.
        for (citizen, is_eligible) in [("1128456232", true), ("1128456231", false)] {
            let body = json!({"citizen_id": citizen}).to_string();
            let answer = http::post(address, "/api/v1/affiliation/check/", &headers, &body)?;
            let answer: Value = serde_json::from_str(expect(&answer, 200)?).map_err(failed("the check"))?;
            if answer["is_eligible"] != is_eligible {
                return Err(Failure(format!("the check of a citizen was answered with {answer}")));
            }
        }
        say!("an eligible citizen and an affiliated one were checked");
        Ok(())
    }

    /// Publishes a document, and waits for its result.
    pub(super) fn check_document(&self, results: &Results, id: &str) -> Result<(), Failure> {
        announce("sending a document through RabbitMQ");
        self.publish(id, 1)?;
        self.expect_results(results, id, 1)
    }

    /// Kills the application, and publishes documents before it is started again.
    pub(super) fn survive_the_application(&self, results: &Results) -> Result<(), Failure> {
        announce("killing the application while documents arrive");
        let application = self.workload("connectivity")?;
        application.pods.iter().try_for_each(|pod| self.kill(pod))?;
        let bridge = self.workload("connectivity-bridge")?;
        self.podman.wait("the bridge is not ready without the components", RESULT_TIMEOUT, || {
            match probe(bridge.addresses[0], &bridge.readiness) {
                Ok(()) => Err(Failure("it is ready".into())),
                Err(_) => Ok(()),
            }
        })?;
        self.publish("without-application", 5)?;
        if results.count("without-application") > 0 {
            return Err(Failure("there is a result although no component ran".into()));
        }
        application.pods.iter().try_for_each(|pod| self.start(pod))?;
        self.wait_until_ready()?;
        self.expect_results(results, "without-application", 5)
    }

    /// Kills the first bridge while it processes documents. Others, or itself when it is started
    /// again, finish them.
    pub(super) fn survive_a_bridge(&self, results: &Results) -> Result<(), Failure> {
        announce("killing a bridge while documents arrive");
        let bridge = self.workload("connectivity-bridge")?;
        self.publish("without-bridge", 50)?;
        self.kill(&bridge.pods[0])?;
        self.start(&bridge.pods[0])?;
        self.expect_results(results, "without-bridge", 50)?;
        self.wait_until_ready()
    }

    /// Kills the container of a pod. podman then ends the pod, and does not start it again.
    fn kill(&self, pod: &Value) -> Result<(), Failure> {
        self.podman.output(&["kill", &container(pod)])?;
        let name = at(pod, "/metadata/name");
        let ended = || match self.podman.output(&["pod", "inspect", "--format", "{{.State}}", name])?.trim() {
            "Exited" => Ok(()),
            state => Err(Failure(format!("it is {state}"))),
        };
        self.podman.wait(&format!("the end of the pod {name}"), END_TIMEOUT, ended).map(drop)
    }

    fn start(&self, pod: &Value) -> Result<(), Failure> {
        self.podman.output(&["pod", "start", at(pod, "/metadata/name")]).map(drop)
    }

    /// Publishes documents with the bridge's own command, from its last pod.
    fn publish(&self, id: &str, count: u32) -> Result<(), Failure> {
        let lines = (0..count).map(|number| {
            let document = json!({
                "messageId": format!("{id}-{number}"),
                "idCitizen": 1_128_456_232,
                "UrlDocument": "https://bucket.example/file.pdf",
                "documentTitle": "Diploma",
            });
            format!("{document}\n")
        });
        let bridge = self.last_bridge()?;
        self.podman
            .feed(&["exec", "--interactive", &bridge, "connectivity-bridge", "publish"], &lines.collect::<String>())?;
        Ok(())
    }

    fn expect_results(&self, results: &Results, id: &str, count: usize) -> Result<(), Failure> {
        let took = self.podman.wait(&format!("{count} results of {id}"), RESULT_TIMEOUT, || {
            let found = results.count(id);
            if found == count { Ok(()) } else { Err(Failure(format!("{found} of them arrived"))) }
        })?;
        say!("authenticated documents: {count}, after {:.1} s", took.as_secs_f64());
        Ok(())
    }

    /// Returns the container of the bridge in which commands are run.
    pub(super) fn last_bridge(&self) -> Result<String, Failure> {
        let pods = &self.workload("connectivity-bridge")?.pods;
        Ok(pods.last().map(container).unwrap_or_default())
    }

    fn workload(&self, name: &str) -> Result<&Workload, Failure> {
        let found = self.plan.workloads.iter().find(|workload| workload.name == name && !workload.pods.is_empty());
        found.ok_or_else(|| Failure(format!("there is no pod of {name}")))
    }

    /// Plays pods with the config maps that they refer to.
    fn play(&self, pods: &[Value], addresses: &[Ipv4Addr]) -> Result<(), Failure> {
        self.podman.play(&[self.plan.config_maps.as_slice(), pods].concat(), addresses)
    }

    /// Checks that a container has not ended by itself. podman would start it again and again.
    fn check_running(&self, name: &str) -> Result<(), Failure> {
        let state =
            self.podman.output(&["inspect", "--format", "{{.State.Status}}, restarts: {{.RestartCount}}", name])?;
        match state.trim() {
            "running, restarts: 0" => Ok(()),
            state => Err(Failure(format!("{name} has ended: {state}"))),
        }
    }

    /// Prints the last lines of all pods.
    pub(super) fn show_logs(&self) {
        for pod in self.plan.workloads.iter().flat_map(|workload| &workload.pods) {
            let name = container(pod);
            let (log, errors) = self.podman.both(&["logs", "--tail", "20", &name]).unwrap_or_default();
            say!("==> {name}\n{}", format!("{log}{errors}").trim());
        }
    }
}

/// Returns podman's name of the first container of a pod.
fn container(pod: &Value) -> String {
    format!("{}-{}", at(pod, "/metadata/name"), at(pod, "/spec/containers/0/name"))
}

fn probe(address: Ipv4Addr, probe: &Probe) -> Result<(), Failure> {
    let timeout = Duration::from_secs(probe.timeout_seconds);
    let response = http::get(SocketAddr::from((address, probe.port)), &probe.path, timeout)?;
    // What the kubelet takes for a success.
    if (200..400).contains(&response.status) { Ok(()) } else { Err(Failure(response.body)) }
}

fn expect(response: &Response, status: u16) -> Result<&str, Failure> {
    if response.status == status {
        return Ok(&response.body);
    }
    Err(Failure(format!("{} instead of {status}: {}", response.status, response.body)))
}
