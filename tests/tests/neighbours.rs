//! Services that share RabbitMQ with the bridge, and use it in their own ways.

use connectivity_tests::bridge::readiness;
use connectivity_tests::broker::REQUESTED;
use connectivity_tests::peer::Peer;
use connectivity_tests::pipeline::{Pipeline, request, until};
use connectivity_tests::rabbitmqctl::rabbitmqctl;
use flate2::Compression;
use flate2::write::GzEncoder;
use govcarpeta_simulator::Behaviour;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde_json::{Value, json};
use std::io::Write;

const QUICK: (&str, &str) = ("BRIDGE_RETRY_DELAYS", "100ms,300ms,1s");

fn body(title: &str) -> Vec<u8> {
    request(title).to_string().into_bytes()
}

/// Returns the settings of a bridge that puts results into a queue, and the name of the queue.
fn result_queue() -> (String, String) {
    let name = format!("completed-{}", uuid::Uuid::new_v4().simple());
    (name.clone(), name)
}

async fn ready(pipeline: &Pipeline) {
    until("the bridge is ready", async || readiness(&pipeline.bridge).await.0 == 200).await;
}

/// Takes results of the peer until there are so many.
async fn results(peer: &Peer, count: usize) -> Vec<Value> {
    let mut results = Vec::new();
    until(&format!("{count} results of the peer"), async || {
        results.extend(peer.results().await.expect("its queue"));
        results.len() >= count
    })
    .await;
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_declares_without_arguments_shares_the_queue_whoever_comes_first() {
    let (setting, completed) = result_queue();
    let mut pipeline = Pipeline::start(&[QUICK, ("BRIDGE_RESULT_QUEUE", &setting)]).await;
    let peer = Peer::connect(&pipeline.servers, &pipeline.names.queue, &completed).await.expect("RabbitMQ");
    ready(&pipeline).await;
    assert!(peer.publish("after").await.expect("the declaration is accepted"));
    let result = results(&peer, 1).await.remove(0);
    assert_eq!((&result["messageId"], &result["documentId"]), (&"after".into(), &"d-after".into()));
    assert_eq!((&result["authenticated"], &result["authSuccess"]), (&true.into(), &true.into()));
    assert!(result["message"].is_string() && result["authenticatedAt"].is_string(), "{result}");
    // Consumers on the exchange get the same.
    assert_eq!(pipeline.results(1).await[0].body, result);
    let shown = pipeline.command(&["topology"]);
    assert!(!shown.contains("declared") && !shown.contains("warning"), "{shown}");

    // The peer is first.
    pipeline.bridge.kill();
    pipeline.broker.delete_requests().await.expect("deleted");
    assert!(peer.publish("before").await.expect("declared"));
    pipeline.restart_bridge();
    pipeline.publish(&body("on-the-exchange")).await;
    // The bridge that was killed may not have settled its result, which is then repeated.
    let mut missing = vec![Value::from("before"), Value::from("on-the-exchange")];
    until("both have a result", async || {
        let arrived = peer.results().await.expect("its queue");
        missing.retain(|id| arrived.iter().all(|result| result["messageId"] != *id));
        missing.is_empty()
    })
    .await;

    // A delay and a dead letter need no arguments of the queue.
    pipeline.simulator.set_down(true);
    assert!(peer.publish("delayed").await.expect("published"));
    until("it was asked about", async || pipeline.simulator.count() > 3).await;
    pipeline.simulator.set_down(false);
    assert_eq!(results(&peer, 1).await[0]["messageId"], "delayed");
    assert!(peer.publish_with(b"{}", BasicProperties::default()).await.expect("published"));
    until("the invalid one is a dead letter", async || pipeline.dead_letters().await == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_of_an_earlier_release_is_used_as_it_is() {
    let mut pipeline = Pipeline::start(&[QUICK]).await;
    ready(&pipeline).await;
    pipeline.bridge.kill();
    pipeline.broker.delete_requests().await.expect("deleted");
    pipeline.command_with(&[("RABBITMQ_REQUEST_QUEUE_TYPE", "quorum")], &["topology"]);
    pipeline.publish(&body("waiting")).await;
    pipeline.restart_bridge();
    pipeline.publish(&body("later")).await;
    pipeline.results(2).await;
    assert_eq!(readiness(&pipeline.bridge).await.1["jobs"]["documents"]["warnings"], json!([]));
    let shown = pipeline.command(&["topology"]);
    assert!(shown.contains("declared with arguments by an earlier release"), "{shown}");
    let peer = Peer::connect(&pipeline.servers, &pipeline.names.queue, "unused").await.expect("RabbitMQ");
    let refused = peer.publish("refused").await.expect_err("a queue with arguments").to_string();
    assert!(refused.contains("PRECONDITION_FAILED"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_go_to_their_queue_where_nothing_is_bound_to_the_exchange() {
    let (setting, completed) = result_queue();
    let pipeline = Pipeline::without_results(&[QUICK, ("BRIDGE_RESULT_QUEUE", &setting)]).await;
    let peer = Peer::connect(&pipeline.servers, &pipeline.names.queue, &completed).await.expect("RabbitMQ");
    ready(&pipeline).await;
    pipeline.simulator.behave("refused", Behaviour::text(204, ""));
    pipeline.publish(&body("refused")).await;
    let result = results(&peer, 1).await.remove(0);
    assert_eq!((&result["messageId"], &result["authenticated"]), (&"refused".into(), &false.into()));
    assert_eq!(readiness(&pipeline.bridge).await.0, 200);
    assert!(!pipeline.bridge.log().iter().any(|line| line.contains("cannot be published")));
    // A queue that is deleted is declared again, and the result waits for it.
    pipeline.broker.delete_queue(&completed).await.expect("deleted");
    pipeline.publish(&body("waiting")).await;
    until("the queue exists", async || pipeline.broker.count(&completed).await.is_ok_and(|count| count == 1)).await;
    assert_eq!(results(&peer, 1).await[0]["messageId"], "waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn exchange_of_others_and_an_account_that_may_not_declare_are_used_as_they_are() {
    let mut pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.publish(&body("before")).await;
    pipeline.results(1).await;
    pipeline.bridge.kill();
    pipeline.broker.delete_exchange().await.expect("deleted");
    pipeline.broker.declare_exchange_with("alternate-exchange", "elsewhere").await.expect("declared");
    for key in ["document.authentication.ready", "document.authentication.failure"] {
        pipeline.broker.bind_results(key).await.expect("bound");
    }
    pipeline.restart_bridge();
    pipeline.publish(&body("other arguments")).await;
    pipeline.results(2).await;
    let warnings = async |pipeline: &Pipeline| {
        ready(pipeline).await;
        readiness(&pipeline.bridge).await.1["jobs"]["documents"]["warnings"].to_string()
    };
    let found = warnings(&pipeline).await;
    assert!(found.contains(&format!("the exchange {} is used as it is", pipeline.names.exchange)), "{found}");

    // An account without the permission `configure`.
    let (servers, account) = (pipeline.servers.clone(), format!("restricted-{}", pipeline.names.exchange));
    rabbitmqctl(&servers, &["add_user", &account, &servers.rabbitmq.password]);
    rabbitmqctl(&servers, &["set_permissions", &account, "^$", ".*", ".*"]);
    let url = format!("amqp://{account}:{}@{}/", servers.rabbitmq.password, servers.rabbitmq.address());
    pipeline.bridge.kill();
    pipeline.set("RABBITMQ_URL", &url);
    pipeline.restart_bridge();
    pipeline.publish(&body("restricted")).await;
    pipeline.results(3).await;
    let found = warnings(&pipeline).await;
    assert!(found.contains("the account may not declare queues"), "{found}");
    let shown = pipeline.command(&["topology"]);
    assert!(shown.contains(&format!("queue {} ", pipeline.names.queue)), "{shown}");

    // It can create nothing.
    let missing = format!("{}-missing", pipeline.names.queue);
    let failed = pipeline.failure(&[("RABBITMQ_DOCUMENT_AUTH_QUEUE", &missing)], &["topology"]);
    let expected = format!("the queue {missing} does not exist, and the account may not declare it");
    assert!(failed.contains(&expected), "{failed}");
    // The periodic check of the session works without the permission as well.
    assert!(pipeline.bridge.log().iter().all(|line| !line.contains("was lost")));
    rabbitmqctl(&servers, &["delete_user", &account]);
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("written");
    encoder.finish().expect("finished")
}

fn without_id() -> Value {
    let mut request = request("event");
    request.as_object_mut().expect("an object").remove("messageId");
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_read_as_other_services_write_them() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.publish(&body("first")).await;
    let publish = async |body: &[u8], properties: BasicProperties| {
        assert!(pipeline.broker.publish_with(REQUESTED, body, properties).await.expect("RabbitMQ"));
    };
    let plain = BasicProperties::default;
    let long = |text: &str| AMQPValue::LongString(text.into());
    let event = json!({"specversion": "1.0", "id": "structured", "source": "s", "type": "t", "data": without_id()});
    publish(event.to_string().as_bytes(), plain().with_content_type("application/cloudevents+json".into())).await;
    let mut headers = FieldTable::default();
    headers.insert("cloudEvents:specversion".into(), long("1.0"));
    headers.insert("cloudEvents:id".into(), long("binary"));
    publish(without_id().to_string().as_bytes(), plain().with_headers(headers)).await;
    let compressed = gzip(&body("compressed"));
    publish(&compressed, plain().with_content_encoding("gzip".into())).await;
    publish(&["\u{feff}".as_bytes(), &body("marked")].concat(), plain()).await;
    for (id, number) in [("float", "1128456232.0"), ("exponent", "1.128456232e9")] {
        publish(request(id).to_string().replace("1128456232", number).as_bytes(), plain()).await;
    }
    let ids: Vec<_> = pipeline.results(7).await.iter().map(|event| event.body["messageId"].clone()).collect();
    for id in ["structured", "binary", "compressed", "marked", "float", "exponent"] {
        assert!(ids.contains(&id.into()), "{id} in {ids:?}");
    }

    // A dead letter keeps what was sent.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    publish(&bomb, plain().with_content_encoding("gzip".into()).with_message_id("bomb".into())).await;
    publish(b"?", plain().with_content_encoding("gzip".into()).with_message_id("broken".into())).await;
    publish(b"?", plain().with_content_encoding("br".into()).with_message_id("other".into())).await;
    until("three dead letters", async || pipeline.dead_letters().await == 3).await;
    let listed = pipeline.command(&["dlq", "list"]);
    for expected in [
        "bomb  attempts 0  the message is longer than 1 MiB when it is decompressed",
        "broken  attempts 0  the body is not compressed as its content_encoding says",
        "other  attempts 0  the content_encoding is not supported",
    ] {
        assert!(listed.contains(expected), "{listed}");
    }
    let letters = pipeline.broker.take(&format!("{}.dead", pipeline.names.queue)).await.expect("dead letters");
    let kept = letters.iter().find(|letter| letter.data == bomb).expect("the compressed body");
    assert_eq!(kept.properties.content_encoding().as_ref().map(ShortString::as_str), Some("gzip"));
}
