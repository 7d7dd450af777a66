//! Faults of the bridge's sessions with RabbitMQ, on a real server.

use connectivity_tests::bridge::{connections, readiness};
use connectivity_tests::pipeline::{Pipeline, request, until};
use connectivity_tests::rabbitmqctl::rabbitmqctl;
use serde_json::json;
use std::time::{Duration, Instant};

/// How soon a dead connection has to be replaced.
const DETECTION: Duration = Duration::from_secs(10);

fn body(title: &str) -> Vec<u8> {
    request(title).to_string().into_bytes()
}

/// Returns the words of a command that was split at its quotation marks: every second part is quoted.
fn words((index, part): (usize, &str)) -> Vec<&str> {
    if index % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_silently_is_replaced_and_leaves_no_thread() {
    let pipeline = Pipeline::behind_proxies(&[], &[]).await;
    pipeline.broker.collect().await.expect("a queue for results");
    pipeline.publish(&body("before")).await;
    pipeline.results(1).await;
    assert_eq!(connections(&pipeline.bridge), 2, "one consumes, one publishes");
    pipeline.links().rabbitmq.freeze();
    let frozen = Instant::now();
    pipeline.publish(&body("after")).await;
    until("the dead connections are noticed", async || readiness(&pipeline.bridge).await.0 == 503).await;
    until("there is another session", async || readiness(&pipeline.bridge).await.0 == 200).await;
    assert!(frozen.elapsed() < DETECTION, "{:?}", frozen.elapsed());
    // RabbitMQ notices it by its own heartbeat, and delivers the message again.
    assert!(pipeline.results(2).await.iter().any(|event| event.body["messageId"] == "after"));
    until("the threads of the dead connections have ended", async || connections(&pipeline.bridge) == 2).await;
    assert_eq!(pipeline.simulator.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_exchange_and_a_deleted_binding_are_declared_again() {
    let pipeline = Pipeline::start(&[]).await;
    pipeline.publish(&body("before")).await;
    pipeline.results(1).await;
    pipeline.broker.unbind_requests().await.expect("no binding");
    // It succeeds as soon as the queue of requests is bound again.
    pipeline.publish(&body("binding")).await;
    pipeline.results(2).await;
    pipeline.broker.delete_exchange().await.expect("no exchange");
    let bound = async || pipeline.broker.bind_results("document.authentication.ready").await.is_ok();
    until("the exchange exists", bound).await;
    pipeline.publish(&body("exchange")).await;
    pipeline.results(3).await;
    until("the bridge is ready", async || readiness(&pipeline.bridge).await.0 == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_queue_that_can_drop_messages_is_reported_with_a_policy_that_prevents_it() {
    let mut pipeline = Pipeline::start(&[]).await;
    until("the bridge is ready", async || readiness(&pipeline.bridge).await.0 == 200).await;
    assert_eq!(readiness(&pipeline.bridge).await.1["jobs"]["documents"]["warnings"], json!([]));
    pipeline.bridge.kill();
    pipeline.broker.delete_requests().await.expect("no queue");
    pipeline.broker.declare_foreign_queue(20).await.expect("a foreign queue");
    pipeline.restart_bridge();
    until("the bridge is ready", async || readiness(&pipeline.bridge).await.0 == 200).await;
    let warning = readiness(&pipeline.bridge).await.1["jobs"]["documents"]["warnings"][0].clone();
    let warning = warning.as_str().expect("a warning").to_owned();
    assert!(pipeline.command(&["topology"]).contains(&warning), "{warning}");
    assert!(pipeline.bridge.log().iter().any(|line| line.contains("was declared elsewhere")));

    let (_, command) = warning.split_once("rabbitmqctl ").expect("a command");
    let arguments: Vec<_> = command.split('\'').enumerate().flat_map(words).collect();
    rabbitmqctl(&pipeline.servers, &arguments);
    let queues = rabbitmqctl(&pipeline.servers, &["list_queues", "name", "policy"]);
    // The policy has the name of the queue.
    let expected = format!("{0}\t{0}", pipeline.names.queue);
    assert!(queues.lines().any(|line| line == expected), "{queues}");
    rabbitmqctl(&pipeline.servers, &["clear_policy", &pipeline.names.queue]);
}
