//! Black-box tests of messages that are delivered in batches.

use connectivity_tests::pipeline::{Pipeline, request, until};
use govcarpeta_simulator::Behaviour;
use serde_json::Value;
use std::collections::BTreeSet;

/// Short retry delays.
const QUICK: (&str, &str) = ("BRIDGE_RETRY_DELAYS", "100ms,300ms,1s");

fn body(message: &Value) -> Vec<u8> {
    message.to_string().into_bytes()
}

/// Stops the bridge, publishes messages, and starts another bridge, so that it finds all of them.
async fn publish_backlog(pipeline: &mut Pipeline, bodies: &[Vec<u8>]) {
    pipeline.publish(&body(&request("first"))).await;
    pipeline.results(1).await;
    pipeline.bridge.kill();
    let pipeline_now = &*pipeline;
    futures_util::future::join_all(bodies.iter().map(|body| pipeline_now.publish(body))).await;
    pipeline.restart_bridge();
}

/// Returns the messages that the results are about.
fn answered(pipeline: &Pipeline) -> BTreeSet<String> {
    pipeline.broker.arrived().iter().map(|event| event.body["messageId"].to_string()).collect()
}

/// Returns the value of a metric of the components.
async fn metric(pipeline: &Pipeline, series: &str) -> u64 {
    let metrics = pipeline.metrics().await;
    let found = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {series} in {metrics}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_delivered_in_batches_and_each_message_is_settled_by_itself() {
    let mut pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.simulator.behave("fails-once", Behaviour::FailFirst { times: 5, status: 500 });
    pipeline.simulator.behave("refused", Behaviour::text(204, ""));
    let mut bodies: Vec<_> = (0..300).map(|number| body(&request(&format!("r{number}")))).collect();
    for number in 0..30 {
        let poison = [&b"not json"[..], b"{}", b"{\"a\": \"\xff\"}"][number % 3].to_vec();
        bodies.insert(number * 10, poison);
    }
    // Two with the content of another one: they are the same requests.
    bodies.extend([
        body(&request("r298")),
        body(&request("r0")),
        body(&request("fails-once")),
        body(&request("refused")),
    ]);
    publish_backlog(&mut pipeline, &bodies).await;
    until("all requests are answered", async || answered(&pipeline).len() == 303).await;
    until("the invalid ones are dead letters", async || pipeline.dead_letters().await == 30).await;
    until("the repeated ones are answered again", async || pipeline.broker.arrivals() >= 305).await;
    until("all messages are acknowledged", async || {
        pipeline.broker.counts(&pipeline.names.queue).await.is_ok_and(|(ready, _)| ready == 0)
    })
    .await;
    for number in 0..300 {
        assert_eq!(pipeline.simulator.calls(&format!("r{number}")).len(), 1, "r{number} is asked about once");
    }
    let statuses = pipeline.statuses().await;
    assert_eq!(statuses.len(), 303);
    assert_eq!(statuses.iter().filter(|(_, status)| status != "SUCCESS").count(), 1, "{statuses:?}");
    assert_eq!(pipeline.dead_letters().await, 30);
    let delivered =
        "connectivity_guard_decisions_total{component=\"documents\",route=\"deliver_batch\",outcome=\"admitted\"}";
    let batches = metric(&pipeline, delivered).await;
    assert!((1..150).contains(&batches), "{batches} batches");
}

#[tokio::test(flavor = "multi_thread")]
async fn components_that_are_killed_during_batches_lose_nothing() {
    let mut pipeline = Pipeline::start(&[QUICK]).await;
    let bodies: Vec<_> = (0..600).map(|number| body(&request(&format!("r{number}")))).collect();
    publish_backlog(&mut pipeline, &bodies).await;
    for part in 1..4 {
        until("a part is answered", async || answered(&pipeline).len() > part * 100).await;
        pipeline.kill_host();
        pipeline.restart_host();
    }
    until("all requests are answered", async || answered(&pipeline).len() == 601).await;
    let statuses = pipeline.statuses().await;
    assert_eq!(statuses.iter().filter(|(_, status)| status == "SUCCESS").count(), 601, "{statuses:?}");
    let events: BTreeSet<_> = pipeline.broker.arrived().into_iter().map(|event| event.message_id).collect();
    assert_eq!(events.len(), 601, "a repeated result has the same id");
    assert_eq!(pipeline.dead_letters().await, 0);
}
