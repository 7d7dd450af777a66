//! Messages that a hostile or broken producer sends, on RabbitMQ.

use connectivity_tests::broker::{REQUESTED, url};
use connectivity_tests::client::Client;
use connectivity_tests::pipeline::{Pipeline, request, until};
use connectivity_tests::rabbitmqctl::rabbitmqctl;
use connectivity_tests::raw_publisher::{RawPublisher, headers, list, nested, text_property};
use govcarpeta_simulator::Behaviour;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, DecimalValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const QUICK: (&str, &str) = ("BRIDGE_RETRY_DELAYS", "100ms,300ms,1s");

/// The queue of requests dead-letters what RabbitMQ removes from it.
const WITH_ARGUMENTS: (&str, &str) = ("RABBITMQ_REQUEST_QUEUE_TYPE", "quorum");

fn body(title: &str) -> Vec<u8> {
    request(title).to_string().into_bytes()
}

async fn dead_letters(pipeline: &Pipeline, count: u32) {
    until(&format!("{count} dead letters"), async || pipeline.dead_letters().await == count).await;
}

/// Returns the value of a metric of the bridge.
async fn metric(pipeline: &Pipeline, name: &str) -> String {
    let answer = Client::default().get(&pipeline.bridge.url("/metrics")).await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

/// Publishes messages that the AMQP library of the bridge cannot parse, with good ones between
/// them, and expects the former in the dead-letter queue and results of the latter.
async fn unreadable_messages(pipeline: &Pipeline) {
    let before = pipeline.broker.arrivals();
    pipeline.publish(&body("first")).await;
    let mut raw = RawPublisher::connect(&pipeline.servers);
    let (exchange, key, queue) =
        (pipeline.names.exchange.as_str(), REQUESTED.as_bytes(), pipeline.names.queue.as_bytes());
    raw.publish(exchange, key, &text_property(7, b"\xe9"), &body("a"));
    raw.publish(exchange, key, &text_property(15, b"\xe9"), &body("b"));
    for number in 0..30 {
        pipeline.publish(&body(&format!("good-{number}"))).await;
    }
    raw.publish(exchange, key, &headers(&[(b"\xe9", b"V".to_vec())]), &body("c"));
    raw.publish(exchange, key, &headers(&[(b"deep", nested(1_000))]), &body("d"));
    // The broker delivers this one with a routing key that is not UTF-8.
    raw.publish("", b"\xe9", &headers(&[(b"CC", list(&[queue]))]), &body("good-30"));
    let arrived = pipeline.results(before + 32).await;
    assert!(arrived.iter().all(|event| event.body["status"] == "SUCCESS"));
    dead_letters(pipeline, 4).await;
    assert_eq!(metric(pipeline, "connectivity_bridge_sessions_total").await, "1", "no connection was lost");
    let listed = pipeline.command(&["dlq", "list"]);
    for reason in [
        "message_id is not valid UTF-8",
        "content_type is not valid UTF-8",
        "the name of a header is not valid UTF-8",
        "a header is nested too deep",
    ] {
        assert!(listed.contains(&format!("the message is not valid AMQP: {reason}")), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_messages_are_dead_lettered_and_all_others_pass() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    unreadable_messages(&pipeline).await;
    // They can be replayed, because their properties are valid now.
    assert_eq!(pipeline.command(&["dlq", "replay"]).trim(), "replayed: 4");
    pipeline.results(36).await;
    // What the broker itself moves to the dead-letter queue stays as it was sent.
    let queue = format!("{}.dead", pipeline.names.queue);
    RawPublisher::connect(&pipeline.servers).publish("", queue.as_bytes(), &text_property(7, b"\xe9"), b"{}");
    assert_eq!(pipeline.command(&["dlq", "replay"]).lines().next(), Some("replayed: 0"));
    assert!(pipeline.command(&["dlq", "list"]).contains("message_id is not valid UTF-8"));
    assert_eq!(pipeline.command(&["dlq", "purge", "--yes"]).trim(), "purged: 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_messages_are_dead_lettered_from_a_quorum_queue() {
    unreadable_messages(&Pipeline::start(&[QUICK, WITH_ARGUMENTS]).await).await;
}

/// Returns the most memory that a process has used, in bytes.
fn peak_memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().expect("a number") * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn long_message_is_dead_lettered_alone_and_never_in_memory() {
    const LENGTH: usize = 100 * 1024 * 1024;
    let mut pipeline = Pipeline::start(&[QUICK, WITH_ARGUMENTS]).await;
    pipeline.publish(&body("first")).await;
    for number in 0..2 {
        pipeline.publish(&vec![b'x'; LENGTH]).await;
        pipeline.publish(&body(&format!("good-{number}"))).await;
    }
    pipeline.publish(&vec![b'x'; 2 * 1024 * 1024]).await;
    pipeline.results(3).await;
    dead_letters(&pipeline, 3).await;
    assert_eq!(metric(&pipeline, "connectivity_bridge_sessions_total").await, "1");
    assert_eq!(metric(&pipeline, "connectivity_bridge_dead_lettered_total").await, "3");
    let listed = pipeline.command(&["dlq", "list"]);
    assert_eq!(listed.matches("rejected, the message has 104857600 bytes").count(), 2, "{listed}");
    assert_eq!(listed.matches("attempts 0  the message is longer than 1 MiB").count(), 1, "{listed}");
    let peak = peak_memory(pipeline.bridge.process());
    assert!(peak < 96 * 1024 * 1024, "{peak} bytes");
    let letters = pipeline.broker.take(&format!("{}.dead", pipeline.names.queue)).await.expect("dead letters");
    let mut lengths: Vec<_> = letters.iter().map(|letter| letter.data.len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [2 * 1024 * 1024, LENGTH, LENGTH], "whole bodies");

    pipeline.bridge.kill();
    pipeline.broker.replace_by_classic().await.expect("a classic queue");
    pipeline.restart_bridge();
    pipeline.publish(&vec![b'x'; LENGTH]).await;
    pipeline.publish(&body("last")).await;
    pipeline.results(4).await;
    dead_letters(&pipeline, 1).await;
    let letters = pipeline.broker.take_dead_letters().await.expect("dead letters");
    let expected = "the message is longer than 1 MiB: it had 100 MiB, which are not kept";
    assert_eq!(letters[0].headers["x-reason"], expected, "the broker would have dropped the message");
}

async fn waiting(pipeline: &Pipeline) -> u32 {
    pipeline.broker.count(&pipeline.names.queue).await.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn session_starts_with_one_message() {
    let mut pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.publish(&body("before")).await;
    pipeline.results(1).await;
    pipeline.bridge.kill();
    pipeline.simulator.behave("slow", Behaviour::Slow(Duration::from_secs(3)));
    pipeline.publish(&body("slow")).await;
    for number in 0..20 {
        pipeline.publish(&body(&format!("r{number}"))).await;
    }
    until("all messages wait", async || waiting(&pipeline).await == 21).await;
    pipeline.restart_bridge();
    until("the registry is asked", async || !pipeline.simulator.calls("slow").is_empty()).await;
    assert_eq!(waiting(&pipeline).await, 20, "the others are not delivered yet");
    pipeline.results(22).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_rabbitmq_removed_gets_a_failure_event_and_its_reason() {
    let mut pipeline = Pipeline::start(&[QUICK, WITH_ARGUMENTS]).await;
    pipeline.publish(&body("before")).await;
    pipeline.results(1).await;
    pipeline.bridge.kill();
    // RabbitMQ does not expire a message that it has just sent to a consumer and got back.
    let queue = pipeline.names.queue.clone();
    until("RabbitMQ has noticed", async || pipeline.broker.counts(&queue).await.is_ok_and(|(_, users)| users == 0))
        .await;
    let expiring = BasicProperties::default().with_expiration("1".into()).with_correlation_id("c".into());
    assert!(pipeline.broker.publish_with(REQUESTED, &body("expired"), expiring).await.expect("RabbitMQ"));
    let removed = format!("{}.removed", pipeline.names.queue);
    until("the request expires", async || pipeline.broker.count(&removed).await.unwrap_or(0) == 1).await;
    let listed = pipeline.command(&["dlq", "list"]);
    assert!(listed.contains(&format!("waiting in {removed}: 1,")), "{listed}");
    pipeline.restart_bridge();
    let event = pipeline.results(2).await.remove(1);
    assert_eq!((event.routing_key.as_str(), event.correlation_id.as_str()), ("document.authentication.failure", "c"));
    assert_eq!((&event.body["messageId"], &event.body["status"]), (&"expired".into(), &"ERROR".into()));
    assert!(pipeline.simulator.calls("expired").is_empty(), "the registry is not asked");
    dead_letters(&pipeline, 1).await;
    assert_eq!(metric(&pipeline, "connectivity_bridge_dead_lettered_total").await, "1");
    let listed = pipeline.command(&["dlq", "list"]);
    assert!(listed.contains("expired  attempts 0  RabbitMQ removed the message from its queue: expired"), "{listed}");
    assert_eq!(pipeline.command(&["dlq", "replay"]).trim(), "replayed: 1");
    assert_eq!(pipeline.results(3).await[2].body["status"], "SUCCESS");
}

fn long(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

fn table(entries: Vec<(&str, AMQPValue)>) -> FieldTable {
    entries.into_iter().map(|(name, value)| (ShortString::from(name), value)).collect::<BTreeMap<_, _>>().into()
}

/// Headers of others, of every type.
fn all_types() -> Vec<(&'static str, AMQPValue)> {
    vec![
        ("bool", AMQPValue::Boolean(true)),
        ("byte", AMQPValue::ShortShortInt(-1)),
        ("short", AMQPValue::ShortInt(-2)),
        ("int", AMQPValue::LongInt(5)),
        ("long", AMQPValue::LongLongInt(-4)),
        ("float", AMQPValue::Float(0.5)),
        ("double", AMQPValue::Double(0.25)),
        ("decimal", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 5 })),
        ("binary", AMQPValue::LongString(LongString::from(vec![0xff, 0]))),
        ("list", AMQPValue::FieldArray(vec![long("a"), AMQPValue::LongInt(1)].into())),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("table", AMQPValue::FieldTable(table(vec![("a", AMQPValue::LongInt(1))]))),
        ("bytes", AMQPValue::ByteArray(vec![1].into())),
        ("void", AMQPValue::Void),
    ]
}

fn full() -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/octet-stream".into())
        .with_content_encoding("gzip".into())
        .with_priority(3)
        .with_correlation_id("c-1".into())
        .with_reply_to("r".into())
        .with_message_id("m".into())
        .with_timestamp(1_700_000_000)
        .with_type("ty".into())
        .with_app_id("app".into())
}

/// Asserts that a message has the properties and headers with which it was published.
fn assert_survived(delivery: &lapin::message::Delivery) {
    let found = &delivery.properties;
    let headers = found.headers().clone().unwrap_or_default();
    for (name, value) in all_types() {
        assert_eq!(headers.inner().get(name), Some(&value), "{name}");
    }
    let others: BTreeSet<_> =
        headers.inner().keys().map(ShortString::as_str).filter(|name| name.starts_with("x-")).collect();
    // RabbitMQ adds the number of deliveries when it delivers a message of a quorum queue.
    let expected = BTreeSet::from(["x-attempts", "x-delivery-count", "x-first-error"]);
    assert!(others.is_subset(&expected), "{others:?}");
    let expected = full().with_delivery_mode(2).with_user_id("connectivity".into()).with_headers(headers);
    assert_eq!(*found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_and_dead_letters_keep_all_properties_and_no_forged_headers() {
    let pipeline = Pipeline::start(&[("BRIDGE_RETRY_DELAYS", "1h")]).await;
    pipeline.publish(&body("before")).await;
    pipeline.results(1).await;
    let forged = ["x-attempts", "x-troubles", "x-replay", "x-ended", "x-unreadable", "x-body-length"]
        .map(|name| (name, long("4294967295")));
    let recipients = AMQPValue::FieldArray(vec![long("document.authentication.ready")].into());
    let death = AMQPValue::FieldTable(table(vec![
        ("queue", long(&pipeline.names.queue)),
        ("reason", long("expired")),
        ("count", AMQPValue::LongLongInt(1)),
    ]));
    let history = [("CC", recipients), ("x-death", AMQPValue::FieldArray(vec![death].into()))];
    let sent = table([all_types(), forged.to_vec(), history.to_vec()].concat());
    let publish = async |body: &[u8]| {
        let properties = full().with_headers(sent.clone()).with_expiration("3600000".into());
        assert!(pipeline.broker.publish_with(REQUESTED, body, properties).await.expect("RabbitMQ"));
    };
    publish(b"not json").await;
    dead_letters(&pipeline, 1).await;
    pipeline.simulator.set_down(true);
    publish(&body("delayed")).await;
    let delayed = format!("{}.delay.3600000ms", pipeline.names.queue);
    until("the request is delayed", async || pipeline.broker.count(&delayed).await.unwrap_or(0) == 1).await;
    let dead = format!("{}.dead", pipeline.names.queue);
    for (queue, attempts) in [(&dead, "0"), (&delayed, "1")] {
        let found = pipeline.broker.take(queue).await.expect("messages");
        let [delivery] = found.as_slice() else { panic!("{found:?}") };
        if queue == &delayed {
            assert_survived(delivery);
        }
        let headers = delivery.properties.headers().clone().unwrap_or_default();
        assert_eq!(headers.inner().get("x-attempts"), Some(&long(attempts)), "{queue}");
        assert_eq!((headers.inner().get("x-replay"), headers.inner().get("CC")), (None, None), "{queue}");
    }
    // The copies that the producer sent to the results itself are not from the bridge.
    let forged = pipeline.results(3).await;
    assert_eq!(forged.iter().filter(|event| event.body["status"] == "SUCCESS").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_contains_no_body_at_any_level() {
    let pipeline = Pipeline::without_results(&[QUICK, ("RUST_LOG", "trace")]).await;
    pipeline.publish(&body("unroutable")).await;
    until("a result has no queue", async || {
        pipeline.bridge.log().iter().any(|line| line.contains("no queue is bound"))
    })
    .await;
    pipeline.broker.collect().await.expect("a queue for results");
    pipeline.publish(br#"{"idCitizen": 1128456232, "UrlDocument": 5}"#).await;
    pipeline.simulator.set_down(true);
    pipeline.publish(&body("delayed")).await;
    until("the registry was asked", async || !pipeline.simulator.calls("delayed").is_empty()).await;
    pipeline.simulator.set_down(false);
    pipeline.results(2).await;
    dead_letters(&pipeline, 1).await;
    // The whole log is searched when the bridge is dropped.
    assert!(pipeline.bridge.log().iter().any(|line| line.contains("TRACE") || line.contains("DEBUG")));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_without_control_characters() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.publish(&body("first")).await;
    let properties = BasicProperties::default().with_message_id("\u{1b}[2J\r\u{202e}id".into());
    assert!(pipeline.broker.publish_with(REQUESTED, b"not json", properties).await.expect("RabbitMQ"));
    dead_letters(&pipeline, 1).await;
    let listed = pipeline.command(&["dlq", "list"]);
    assert!(listed.contains(r"\u{1b}[2J\r\u{202e}id  attempts 0  the request is not a JSON object"), "{listed}");
}

/// Returns a client of the same RabbitMQ with another account.
async fn connect(pipeline: &Pipeline, account: &str) -> lapin::Channel {
    let url = url(&pipeline.servers, pipeline.servers.rabbitmq.address());
    let url = url.replacen("//connectivity:", &format!("//{account}:"), 1);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("the account");
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirmations");
    channel
}

#[tokio::test(flavor = "multi_thread")]
async fn producer_with_the_documented_permissions_can_publish_requests_and_nothing_else() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.publish(&body("first")).await;
    pipeline.results(1).await;
    let (servers, exchange) = (&pipeline.servers, pipeline.names.exchange.as_str());
    let producer = format!("producer-{exchange}");
    rabbitmqctl(servers, &["add_user", &producer, &servers.rabbitmq.password]);
    let write = format!("^{exchange}$");
    rabbitmqctl(servers, &["set_permissions", &producer, "^$", &write, "^$"]);
    let requests = r"^document\.authentication\.requested$";
    rabbitmqctl(servers, &["set_topic_permissions", &producer, exchange, requests, "^$"]);

    let publish = async |exchange: &str, key: &str| {
        let channel = connect(&pipeline, &producer).await;
        let (options, body) = (BasicPublishOptions::default(), body("request"));
        let published =
            channel.basic_publish(exchange.into(), key.into(), options, &body, BasicProperties::default()).await;
        match published {
            Ok(confirm) => confirm.await.map(|_| ()),
            Err(error) => Err(error),
        }
    };
    publish(exchange, REQUESTED).await.expect("requests may be published");
    assert_eq!(pipeline.results(2).await[1].body["messageId"], "request");
    let queue = pipeline.names.queue.as_str();
    for (exchange, key) in [
        (exchange, "document.authentication.ready"),
        (exchange, "document.authentication.failure"),
        ("", queue),
        ("", pipeline.names.results.as_str()),
    ] {
        let refused = publish(exchange, key).await.expect_err("refused").to_string();
        assert!(refused.contains("ACCESS_REFUSED"), "{key}: {refused}");
    }
    for queue in [queue, pipeline.names.results.as_str()] {
        let channel = connect(&pipeline, &producer).await;
        let refused = channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect_err("refused");
        assert!(refused.to_string().contains("ACCESS_REFUSED"), "{queue}: {refused}");
    }
    // Headers and properties in the name of the bridge.
    let channel = connect(&pipeline, &producer).await;
    let forged = BasicProperties::default().with_user_id("connectivity".into());
    let confirm =
        channel.basic_publish(exchange.into(), REQUESTED.into(), BasicPublishOptions::default(), b"{}", forged);
    let refused = match confirm.await {
        Ok(confirm) => confirm.await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(refused.expect_err("refused").to_string().contains("PRECONDITION_FAILED"));
    rabbitmqctl(servers, &["delete_user", &producer]);
}
