//! Black-box tests of document authentication: a real RabbitMQ, real components and a real
//! database.

use connectivity_tests::broker::Arrived;
use connectivity_tests::client::{Client, token};
use connectivity_tests::host::Host;
use connectivity_tests::pipeline::{Pipeline, request, until};
use govcarpeta_simulator::{Behaviour, Simulator};
use http::Request;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Short retry delays, for tests that are not about the delays.
const QUICK: (&str, &str) = ("BRIDGE_RETRY_DELAYS", "100ms,300ms,1s");

fn body(message: &Value) -> Vec<u8> {
    message.to_string().into_bytes()
}

fn with_id<'a>(arrived: &'a [Arrived], message_id: &str) -> Vec<&'a Arrived> {
    arrived.iter().filter(|event| event.body["messageId"] == message_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_recorded_and_published() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.simulator.behave("no-content", Behaviour::text(204, ""));
    pipeline.simulator.behave("parameters", Behaviour::text(400, "\"Parametros incorrectos \""));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    until("the queue is declared", async || {
        pipeline.broker.publish(&body(&request("authentic")), &[("traceparent", trace)]).await.unwrap_or(false)
    })
    .await;
    for title in ["no-content", "parameters"] {
        pipeline.publish(&body(&request(title))).await;
    }
    let mut spelled = request("spelled");
    let url = spelled["UrlDocument"].take();
    spelled.as_object_mut().expect("an object").remove("UrlDocument");
    (spelled["urlDocument"], spelled["idCitizen"], spelled["further"]) = (url, "1128456232".into(), json!({"a": 1}));
    pipeline.publish(&body(&spelled)).await;

    let arrived = pipeline.results(4).await;
    for (title, key, success, status, code) in [
        ("authentic", "ready", true, "SUCCESS", 200),
        ("spelled", "ready", true, "SUCCESS", 200),
        ("no-content", "failure", false, "FAILED", 204),
        ("parameters", "failure", false, "FAILED", 400),
    ] {
        let events = with_id(&arrived, title);
        let [event] = events.as_slice() else { panic!("{title}: {events:?}") };
        assert_eq!(event.routing_key, format!("document.authentication.{key}"));
        let mut expected = request(title);
        expected["authSuccess"] = success.into();
        expected["status"] = status.into();
        expected["externalApiStatusCode"] = code.into();
        expected["authenticated"] = success.into();
        for generated in ["processedAt", "message"] {
            expected[generated] = event.body[generated].clone();
        }
        expected["authenticatedAt"] = event.body["processedAt"].clone();
        assert_eq!(event.body, expected);
        assert!(event.body["processedAt"].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')));
    }
    assert_eq!(with_id(&arrived, "authentic")[0].headers.get("traceparent").map(String::as_str), Some(trace));
    assert_eq!(
        pipeline.simulator.calls("authentic")[0].headers["traceparent"].to_str().expect("text")[..35],
        trace[..35]
    );
    until("all events are marked as published", async || {
        let sql = "SELECT message_id FROM document_authentications WHERE event_published_at IS NOT NULL";
        pipeline.servers.query(&pipeline.database, sql).await.len() == 4
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_messages_are_dead_lettered_with_a_reason_and_the_consumer_goes_on() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    let without = |field: &str| {
        let mut message = request("wrong");
        message.as_object_mut().expect("an object").remove(field);
        body(&message)
    };
    let with = |field: &str, value: Value| {
        let mut message = request("wrong");
        message[field] = value;
        body(&message)
    };
    let twice = |field: &str| {
        let message = request("wrong").to_string();
        message.replacen('{', &format!("{{\"{field}\": 1128456233, "), 1).into_bytes()
    };
    let cases = [
        (b"not json".to_vec(), "the request is not a JSON object"),
        (Vec::new(), "the request is not a JSON object"),
        (b"{\"a\": \"\xff\"}".to_vec(), "the request is not valid UTF-8"),
        (vec![b'x'; 1024 * 1024], "the request is longer than 65536 bytes"),
        (without("idCitizen"), "idCitizen is missing"),
        (without("UrlDocument"), "UrlDocument is missing"),
        (without("documentTitle"), "documentTitle is missing"),
        (with("idCitizen", json!(true)), "idCitizen must be a whole number or a string of 6 to 12 digits"),
        (twice("idCitizen"), "a field appears twice, or UrlDocument and urlDocument have different values"),
        (with("UrlDocument", json!("https://me:secret@host/")), "UrlDocument must not contain a user name or password"),
    ];
    for (bytes, _) in &cases {
        pipeline.publish(bytes).await;
    }
    pipeline.publish(&body(&request("right"))).await;
    assert_eq!(with_id(&pipeline.results(1).await, "right").len(), 1);
    until("all are dead letters", async || usize::try_from(pipeline.dead_letters().await) == Ok(cases.len())).await;
    let letters = pipeline.broker.take_dead_letters().await.expect("dead letters");
    let found: BTreeSet<_> = letters.iter().map(|letter| letter.headers["x-reason"].as_str()).collect();
    assert_eq!(found, cases.iter().map(|(_, reason)| *reason).collect());
    assert_eq!(pipeline.simulator.count(), 1);
    assert!(!pipeline.bridge.log().iter().any(|line| line.contains("secret")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_delivered_ten_times_at_once_is_asked_and_recorded_once() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.simulator.behave("same", Behaviour::Slow(Duration::from_millis(300)));
    pipeline.publish(&body(&request("other"))).await;
    for _ in 0..10 {
        pipeline.publish(&body(&request("same"))).await;
    }
    until("all are settled", async || with_id(&pipeline.broker.arrived(), "same").len() == 10).await;
    assert_eq!(pipeline.simulator.calls("same").len(), 1);
    assert_eq!(pipeline.statuses().await.len(), 2);
    let arrived = pipeline.broker.arrived();
    let events: BTreeSet<_> =
        with_id(&arrived, "same").iter().map(|event| (&event.message_id, event.body.to_string())).collect();
    assert_eq!(events.len(), 1, "{events:?}");
    let mut different = request("same");
    different["documentId"] = "another".into();
    pipeline.publish(&body(&different)).await;
    until("the message with the same id and other content is dead-lettered", async || {
        pipeline.dead_letters().await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_registry_is_down_no_message_is_lost_and_no_verdict_is_given() {
    let pipeline = Pipeline::start(&[("BRIDGE_RETRY_DELAYS", "300ms,1s,2s")]).await;
    for number in 0..250 {
        pipeline.publish(&body(&request(&format!("r{number}")))).await;
    }
    pipeline.simulator.set_down(true);
    for number in 250..500 {
        pipeline.publish(&body(&request(&format!("r{number}")))).await;
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(pipeline.broker.arrived().len() < 500);
    pipeline.simulator.set_down(false);
    let arrived = pipeline.results(500).await;
    assert!(
        arrived.iter().all(|event| event.body["status"] == "SUCCESS"),
        "no verdict was given while the registry was down"
    );
    let ids: BTreeSet<_> = arrived.iter().map(|event| &event.message_id).collect();
    assert_eq!(ids.len(), 500);
    assert!(pipeline.statuses().await.iter().all(|(_, status)| status == "SUCCESS"));
    assert_eq!(pipeline.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_ends_as_an_error_and_can_be_replayed() {
    let pipeline = Pipeline::start(&[QUICK, ("BRIDGE_GIVE_UP_AFTER", "2s")]).await;
    pipeline.simulator.set_down(true);
    pipeline.publish(&body(&request("m"))).await;
    let arrived = pipeline.results(1).await;
    assert_eq!((&arrived[0].body["status"], &arrived[0].body["authSuccess"]), (&json!("ERROR"), &json!(false)));
    assert_eq!(arrived[0].routing_key, "document.authentication.failure");
    until("the request is dead-lettered", async || pipeline.dead_letters().await == 1).await;
    let listed = pipeline.command(&["dlq", "list"]);
    assert!(listed.contains("the registry gave no verdict within 2s (attempts: "), "{listed}");
    pipeline.simulator.set_down(false);
    assert_eq!(pipeline.command(&["dlq", "replay"]).trim(), "replayed: 1");
    let arrived = pipeline.results(2).await;
    assert_eq!((&arrived[1].body["messageId"], &arrived[1].body["status"]), (&json!("m~1"), &json!("SUCCESS")));
    let expected = [("m", "ERROR"), ("m~1", "SUCCESS")].map(|(id, status)| (id.to_owned(), status.to_owned()));
    assert_eq!(pipeline.statuses().await, expected);
    assert_eq!(pipeline.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_loses_no_message_and_repeats_no_registry_call() {
    let registry = Simulator::listen(([127, 0, 0, 1], 0).into(), Duration::from_millis(200), true).await;
    let mut pipeline = Pipeline::with_registry(
        registry.expect("a simulator"),
        &[("BRIDGE_PREFETCH", "200"), ("BRIDGE_CONCURRENCY", "20")],
    )
    .await;
    pipeline.broker.collect().await.expect("a queue for results");
    pipeline.publish(&body(&request("r0"))).await;
    let bodies: Vec<_> = (1..200).map(|number| body(&request(&format!("r{number}")))).collect();
    futures_util::future::join_all(bodies.iter().map(|body| pipeline.publish(body))).await;
    until("messages are in progress", async || pipeline.simulator.count() > 10).await;
    let ended = tokio::task::block_in_place(|| pipeline.bridge.terminate());
    assert!(ended.success());
    assert!(pipeline.broker.arrived().len() < 200, "the bridge stopped before the last message");
    pipeline.restart_bridge();
    let arrived = pipeline.results(200).await;
    assert!(arrived.iter().all(|event| event.body["status"] == "SUCCESS"));
    assert_eq!(pipeline.simulator.count(), 200, "no registry call was repeated");
    assert_eq!(pipeline.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_components_are_down_the_bridge_stops_consuming() {
    let mut pipeline = Pipeline::start(&[QUICK]).await;
    pipeline.publish(&body(&request("before"))).await;
    pipeline.results(1).await;
    pipeline.kill_host();
    for number in 0..100 {
        pipeline.publish(&body(&request(&format!("r{number}")))).await;
    }
    let ready = pipeline.bridge.url("/health/ready");
    let client = Client::default();
    until("the bridge is not ready", async || client.get(&ready).await.status == 503).await;
    pipeline.restart_host();
    // The first result may arrive twice: the components were killed before they marked it as
    // published.
    let ids = || pipeline.broker.arrived().iter().map(|event| event.message_id.clone()).collect::<BTreeSet<_>>();
    until("all are done", async || ids().len() == 101).await;
    until("the bridge is ready again", async || client.get(&ready).await.status == 200).await;
    let metrics = String::from_utf8_lossy(&client.get(&pipeline.bridge.url("/metrics")).await.body).into_owned();
    assert!(metrics.contains("connectivity_bridge_acknowledged_total"), "{metrics}");
    assert_eq!(pipeline.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_without_a_bound_queue_stays_in_the_outbox() {
    let pipeline = Pipeline::without_results(&[]).await;
    pipeline.publish(&body(&request("waits"))).await;
    until("the relay has tried to publish it", async || {
        pipeline.bridge.log().iter().any(|line| line.contains("no queue is bound"))
    })
    .await;
    assert_eq!(pipeline.statuses().await, [("waits".to_owned(), "SUCCESS".to_owned())]);
    let metrics = pipeline.metrics().await;
    assert!(metrics.contains("\nconnectivity_outbox_depth 1\n"), "{metrics}");
    assert!(!metrics.contains("\nconnectivity_outbox_oldest_seconds 0\n"), "{metrics}");
    pipeline.broker.collect().await.expect("a queue for results");
    assert_eq!(pipeline.results(1).await[0].body["messageId"], "waits");
    let expected = [
        "connectivity_outbox_depth 0",
        "connectivity_outbox_oldest_seconds 0",
        "connectivity_document_authentications_total{status=\"SUCCESS\"} 1",
        "connectivity_registry_calls_total{question=\"document\",outcome=\"authenticated\"} 1",
    ];
    until("the outbox is empty", async || {
        let metrics = pipeline.metrics().await;
        expected.iter().all(|line| metrics.lines().any(|metric| metric == *line))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_declared_with_other_arguments_is_used_as_it_is() {
    let mut pipeline = Pipeline::start(&[QUICK, ("RABBITMQ_REQUEST_QUEUE_TYPE", "quorum")]).await;
    pipeline.publish(&body(&request("before"))).await;
    pipeline.results(1).await;
    pipeline.bridge.kill();
    pipeline.broker.replace_by_classic().await.expect("a classic queue");
    pipeline.restart_bridge();
    pipeline.simulator.behave("refused", Behaviour::text(204, ""));
    pipeline.simulator.set_down(true);
    for title in ["authentic", "refused"] {
        pipeline.publish(&body(&request(title))).await;
    }
    pipeline.publish(b"no request").await;
    until("a registry call has failed", async || !pipeline.simulator.calls("authentic").is_empty()).await;
    pipeline.simulator.set_down(false);
    let arrived = pipeline.results(3).await;
    assert_eq!(with_id(&arrived, "authentic")[0].body["status"], "SUCCESS");
    assert_eq!(with_id(&arrived, "refused")[0].body["status"], "FAILED");
    until("the invalid message is dead-lettered", async || pipeline.dead_letters().await == 1).await;
    let shown = pipeline.command(&["topology"]);
    let queue = shown.lines().find(|line| line.starts_with(&format!("queue {} ", pipeline.names.queue)));
    assert!(queue.is_some_and(|line| line.ends_with("declared elsewhere with other arguments")), "{shown}");
}

fn submit(url: &str, headers: &[(&str, &str)], message: &Value) -> Request<http_body_util::Full<bytes::Bytes>> {
    let mut request = Request::post(url)
        .header("authorization", format!("Bearer {}", token()))
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(message.to_string().into_bytes().into()).expect("a request")
}

fn without_id(title: &str) -> Value {
    let mut message = request(title);
    message.as_object_mut().expect("an object").remove("messageId");
    message
}

async fn over_http(host: &Host, simulator: &Simulator) {
    let client = Client::default();
    let url = host.url("/api/v1/documents/authenticate/");
    simulator.behave("refused", Behaviour::text(404, ""));
    for (title, status, success) in [("authentic", "SUCCESS", true), ("refused", "FAILED", false)] {
        let answer = client.send(submit(&url, &[("idempotency-key", title)], &without_id(title))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let record = answer.json();
        assert_eq!((&record["status"], &record["auth_success"]), (&json!(status), &json!(success)));
        assert!(!String::from_utf8_lossy(&answer.body).contains("presigned"));
        let again = client.send(submit(&url, &[("idempotency-key", title)], &without_id(title))).await;
        assert_eq!((again.status.as_u16(), &again.json()["id"]), (200, &record["id"]));
        assert_eq!(simulator.calls(title).len(), 1);
        let other = client.send(submit(&url, &[("idempotency-key", title)], &without_id("other"))).await;
        assert_eq!(other.status, 422);
        let get = async |path: &str| client.get(&host.url(path)).await;
        let id = record["id"].as_str().expect("an id");
        let mut stored = get(&format!("/api/v1/documents/{id}/")).await.json();
        // The relay may have published the event in the meantime.
        stored["event_published_at"] = record["event_published_at"].clone();
        assert_eq!(stored, record, "the response equals the stored record");
        let page = get("/api/v1/documents/history/?id_citizen=1128456232&page_size=1").await.json();
        assert_eq!(page["results"][0]["document_title"], title, "newest first");
    }
    simulator.behave("slow", Behaviour::Slow(Duration::from_millis(500)));
    let both = tokio::join!(
        client.send(submit(&url, &[("idempotency-key", "slow")], &without_id("slow"))),
        client.send(submit(&url, &[("idempotency-key", "slow")], &without_id("slow")))
    );
    let statuses = BTreeSet::from([both.0.status.as_u16(), both.1.status.as_u16()]);
    assert_eq!(statuses, BTreeSet::from([200, 409]));
    simulator.set_down(true);
    let unavailable = client.send(submit(&url, &[("idempotency-key", "down")], &without_id("down"))).await;
    assert_eq!(
        (unavailable.status.as_u16(), &unavailable.json()["type"]),
        (503, &json!("urn:connectivity:problem:registry-unavailable"))
    );
    assert!(unavailable.header("retry-after").is_some());
    simulator.set_down(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_authenticated_over_http_embedded() {
    let simulator = Simulator::start().await.expect("a simulator");
    let host = Host::start(&[("registry_url", simulator.url().as_str()), ("registry_timeout_ms", "1000")], &[]);
    over_http(&host, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_authenticated_over_http_and_through_the_queue_on_servers() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    over_http(&pipeline.host, &pipeline.simulator).await;
    let arrived = pipeline.results(3).await;
    assert_eq!(
        arrived.iter().filter(|event| event.body["status"] == "FAILED").count(),
        1,
        "the relay publishes results of HTTP requests"
    );
    let client = Client::default();
    let url = pipeline.host.url("/api/v1/documents/authenticate/");
    let accepted = client.send(submit(&url, &[("prefer", "respond-async")], &without_id("later"))).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let location = pipeline.host.url(accepted.header("location").expect("a location"));
    until("the queued request has a verdict", async || client.get(&location).await.json()["status"] == "SUCCESS").await;
    until("its result is published", async || {
        pipeline.broker.arrived().iter().any(|event| event.body["documentTitle"] == "later")
    })
    .await;
}
