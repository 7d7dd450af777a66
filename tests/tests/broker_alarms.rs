//! Faults of the whole RabbitMQ server. They affect everybody who uses it, so this is one test in a
//! file of its own.

use connectivity_tests::bridge::{connections, has_metric, readiness};
use connectivity_tests::pipeline::{Pipeline, request, until};
use connectivity_tests::rabbitmqctl::rabbitmqctl;
use govcarpeta_simulator::Behaviour;
use std::collections::BTreeSet;
use std::time::Duration;

/// Longer than the bridge waits for an answer of a server that is not blocked.
const ALARM: Duration = Duration::from_secs(20);

const MESSAGES: usize = 20;

fn body(title: &str) -> Vec<u8> {
    request(title).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_waited_for_and_a_closed_channel_is_replaced() {
    let mut pipeline = Pipeline::start(&[]).await;
    pipeline.publish(&body("before")).await;
    pipeline.results(1).await;

    // A memory alarm while messages are in progress.
    for number in 0..MESSAGES {
        pipeline.simulator.behave(&format!("r{number}"), Behaviour::Slow(Duration::from_millis(900)));
        pipeline.publish(&body(&format!("r{number}"))).await;
    }
    rabbitmqctl(&pipeline.servers, &["set_vm_memory_high_watermark", "0"]);
    until("the bridge is blocked", async || readiness(&pipeline.bridge).await.1["rabbitmq"] == "blocked").await;
    let arrived = pipeline.broker.arrivals();
    tokio::time::sleep(ALARM).await;
    assert_eq!(readiness(&pipeline.bridge).await.0, 503);
    assert!(has_metric(&pipeline.bridge, "connectivity_bridge_blocked{job=\"documents\"} 1").await);
    assert!(has_metric(&pipeline.bridge, "connectivity_bridge_sessions_total 1").await, "the session went on");
    assert_eq!((connections(&pipeline.bridge), pipeline.broker.arrivals()), (2, arrived));
    rabbitmqctl(&pipeline.servers, &["set_vm_memory_high_watermark", "0.4"]);
    let arrived = pipeline.results(1 + MESSAGES).await;
    let ids: BTreeSet<_> = arrived.iter().map(|event| &event.message_id).collect();
    assert_eq!((arrived.len(), ids.len(), pipeline.simulator.count()), (21, 21, 21), "nothing is lost or repeated");
    until("the bridge is ready", async || readiness(&pipeline.bridge).await.0 == 200).await;

    // A bridge that is started during an alarm keeps its one connection, and works when it is over.
    rabbitmqctl(&pipeline.servers, &["set_vm_memory_high_watermark", "0"]);
    pipeline.kill_bridge();
    until("the bridge is blocked", async || readiness(&pipeline.bridge).await.1["rabbitmq"] == "blocked").await;
    assert!(has_metric(&pipeline.bridge, "connectivity_bridge_consuming 0").await);
    assert_eq!((connections(&pipeline.bridge), readiness(&pipeline.bridge).await.0), (1, 503));
    rabbitmqctl(&pipeline.servers, &["set_vm_memory_high_watermark", "0.4"]);
    until("the bridge is ready", async || readiness(&pipeline.bridge).await.0 == 200).await;
    pipeline.publish(&body("after")).await;
    let is_published = || pipeline.broker.arrived().iter().any(|event| event.body["messageId"] == "after");
    until("the result is published", async || is_published()).await;

    // The server closes the channel of a consumer that does not acknowledge a message in time. The
    // result of this one cannot be published.
    for limit in [
        "application:set_env(rabbit, consumer_timeout, 2000).",
        "application:set_env(rabbit, channel_tick_interval, 1000).",
    ] {
        rabbitmqctl(&pipeline.servers, &["eval", limit]);
    }
    let unroutable = Pipeline::without_results(&[]).await;
    unroutable.publish(&body("held")).await;
    until("the channel is closed", async || {
        unroutable.bridge.log().iter().any(|line| line.contains("the session with RabbitMQ was lost"))
    })
    .await;
    until("there is another session", async || {
        !has_metric(&unroutable.bridge, "connectivity_bridge_sessions_total 1").await
            && has_metric(&unroutable.bridge, "connectivity_bridge_consuming 1").await
    })
    .await;
    for limit in [
        "application:set_env(rabbit, consumer_timeout, 1800000).",
        "application:set_env(rabbit, channel_tick_interval, 60000).",
    ] {
        rabbitmqctl(&unroutable.servers, &["eval", limit]);
    }
    unroutable.broker.collect().await.expect("a queue for results");
    assert_eq!(unroutable.results(1).await[0].body["messageId"], "held");
    assert_eq!(unroutable.simulator.count(), 1);
    until("no connection is left behind", async || connections(&unroutable.bridge) == 2).await;
}
