//! Black-box tests of traces: from a message's `traceparent` through bridge, components and
//! registry to the result.

use connectivity_tests::broker::Arrived;
use connectivity_tests::client::{Client, token};
use connectivity_tests::otlp::{Collector, Recorded};
use connectivity_tests::pipeline::{Pipeline, request, until};
use govcarpeta_simulator::Behaviour;
use http::Request;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Short retry delays, and spans that are exported at once.
const QUICK: [(&str, &str); 2] = [("BRIDGE_RETRY_DELAYS", "100ms,300ms,1s"), ("OTEL_BSP_SCHEDULE_DELAY", "100")];

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

fn body(message: &Value) -> Vec<u8> {
    message.to_string().into_bytes()
}

fn traceparent(span: &str) -> String {
    format!("00-{TRACE}-{span}-01")
}

async fn traced(collector: &Collector) -> Pipeline {
    let url = collector.url();
    Pipeline::start(&[&QUICK[..], &[(ENDPOINT, &url)]].concat()).await
}

async fn publish(pipeline: &Pipeline, body: &[u8], headers: &[(&str, &str)]) {
    until("the request is published", async || pipeline.broker.publish(body, headers).await.unwrap_or(false)).await;
}

/// Waits until a trace has at least `count` spans and returns them.
async fn spans(collector: &Collector, trace: &str, count: usize) -> Vec<Recorded> {
    let in_trace = || collector.spans().into_iter().filter(|span| span.trace == trace).collect::<Vec<_>>();
    until(&format!("{count} spans of {trace}"), async || in_trace().len() >= count).await;
    in_trace()
}

/// Returns the only span of this kind.
fn only(spans: &[Recorded], kind: SpanKind) -> &Recorded {
    let found: Vec<_> = spans.iter().filter(|span| span.kind == kind).collect();
    let [span] = found.as_slice() else { panic!("{kind:?}: {spans:#?}") };
    span
}

fn header<'a>(event: &'a Arrived, name: &str) -> &'a str {
    event.headers.get(name).map(String::as_str).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_its_call_and_its_result_are_one_trace_without_personal_data() {
    let collector = Collector::start().await.expect("a collector");
    let pipeline = traced(&collector).await;
    let (parent, state) = (traceparent(PARENT), "vendor=1");
    publish(&pipeline, &body(&request("traced")), &[("traceparent", &parent), ("tracestate", state)]).await;
    let arrived = pipeline.results(1).await;
    let spans = spans(&collector, TRACE, 3).await;

    let [consumer, client, producer] =
        [SpanKind::Consumer, SpanKind::Client, SpanKind::Producer].map(|kind| only(&spans, kind));
    assert_eq!([&*consumer.parent, &client.parent, &producer.parent], [PARENT, &consumer.id, &consumer.id]);
    assert_eq!(consumer.name, format!("process {}", pipeline.names.queue));
    assert_eq!(client.name, "POST /internal/v1/documents/deliveries");
    assert_eq!(producer.name, "send document.authentication.ready");
    assert!(spans.iter().all(|span| span.service == "connectivity-bridge" && span.failure.is_none()), "{spans:#?}");

    let calls = pipeline.simulator.calls("traced");
    assert_eq!(calls[0].headers["traceparent"], traceparent(&client.id));
    assert_eq!(calls[0].headers["tracestate"], state);
    assert_eq!(
        [header(&arrived[0], "traceparent"), header(&arrived[0], "tracestate")],
        [&*traceparent(&producer.id), state]
    );

    check_attributes(&spans, &pipeline);

    let everything = collector.everything();
    for private in ["1128456232", "bucket.example", "X-Amz", "traced", "Bearer", &pipeline.servers.rabbitmq.password] {
        assert!(!everything.contains(private), "{private} in {everything}");
    }
}

/// Asserts that each span has exactly the expected attributes.
fn check_attributes(spans: &[Recorded], pipeline: &Pipeline) {
    let (exchange, queue) = (&pipeline.names.exchange, &pipeline.names.queue);
    let rabbitmq = pipeline.servers.rabbitmq.address();
    let (requested, ready) = ("document.authentication.requested", "document.authentication.ready");
    let expect = |kind, expected: &[(&str, &str)]| {
        let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(only(spans, kind).attributes, expected.collect::<BTreeMap<_, _>>());
    };
    expect(
        SpanKind::Consumer,
        &[
            ("messaging.system", "rabbitmq"),
            ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"),
            ("messaging.destination.name", &format!("{exchange}:{requested}:{queue}")),
            ("messaging.rabbitmq.destination.routing_key", requested),
            ("server.address", "127.0.0.1"),
            ("server.port", &rabbitmq.port().to_string()),
        ],
    );
    expect(
        SpanKind::Client,
        &[
            ("http.request.method", "POST"),
            ("http.response.status_code", "200"),
            ("url.template", "/internal/v1/documents/deliveries"),
            ("server.address", "127.0.0.1"),
            ("server.port", &pipeline.host.address().port().to_string()),
        ],
    );
    expect(
        SpanKind::Producer,
        &[
            ("messaging.system", "rabbitmq"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", &format!("{exchange}:{ready}")),
            ("messaging.rabbitmq.destination.routing_key", ready),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_a_trace_starts_one_that_its_retries_continue() {
    let collector = Collector::start().await.expect("a collector");
    let pipeline = traced(&collector).await;
    // All registry calls of the first delivery fail.
    pipeline.simulator.behave("begins", Behaviour::FailFirst { times: 3, status: 503 });
    publish(&pipeline, &body(&request("begins")), &[("traceparent", "not a traceparent"), ("tracestate", "stale=1")])
        .await;
    let arrived = pipeline.results(1).await;
    let result = header(&arrived[0], "traceparent");
    let trace = result.get(3..35).unwrap_or_else(|| panic!("{arrived:?}"));
    let spans = spans(&collector, trace, 5).await;
    assert_eq!(arrived[0].headers.get("tracestate"), None);

    let [root] = spans.iter().filter(|span| span.parent.is_empty()).collect::<Vec<_>>()[..] else {
        panic!("{spans:#?}")
    };
    let children = |parent: &Recorded| {
        let of = spans.iter().filter(|span| span.parent == parent.id).map(|span| (span.kind as i32, span));
        of.collect::<BTreeMap<_, _>>().into_values().cloned().collect::<Vec<_>>()
    };
    let [refused, again] = &children(root)[..] else { panic!("{spans:#?}") };
    let [answered, sent] = &children(again)[..] else { panic!("{spans:#?}") };
    let kinds = [root, refused, again, answered, sent].map(|span| span.kind);
    assert_eq!(kinds, [SpanKind::Consumer, SpanKind::Client, SpanKind::Consumer, SpanKind::Client, SpanKind::Producer]);
    let failures = [root, refused, again, answered, sent].map(|span| span.failure.as_deref());
    assert_eq!(failures, [Some("no_verdict"), Some("no_verdict"), None, None, None]);
    assert_eq!(
        (&*refused.attributes["http.response.status_code"], &*refused.attributes["error.type"]),
        ("503", "no_verdict")
    );
    assert_eq!(result, format!("00-{trace}-{}-01", sent.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_has_the_traceparent_of_its_span() {
    let collector = Collector::start().await.expect("a collector");
    let pipeline = traced(&collector).await;
    publish(&pipeline, b"1128456232 is not a request", &[]).await;
    until("the message is dead-lettered", async || pipeline.dead_letters().await == 1).await;
    let letters = pipeline.broker.take_dead_letters().await.expect("dead letters");
    let kept = header(&letters[0], "traceparent");
    let spans = spans(&collector, kept.get(3..35).unwrap_or_else(|| panic!("{letters:?}")), 2).await;
    let processed = only(&spans, SpanKind::Consumer);
    assert_eq!(kept.get(36..52), Some(&*processed.id));
    assert_eq!(processed.failure.as_deref(), Some("refused"));
    assert!(!collector.everything().contains("1128456232"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_http_keeps_its_trace_through_the_queue() {
    let collector = Collector::start().await.expect("a collector");
    let pipeline = traced(&collector).await;
    let submitted = Request::post(pipeline.host.url("/api/v1/documents/authenticate/"))
        .header("authorization", format!("Bearer {}", token()))
        .header("content-type", "application/json")
        .header("prefer", "respond-async")
        .header("traceparent", traceparent(PARENT))
        .body(body(&request("submitted")).into())
        .expect("a request");
    assert_eq!(Client::default().send(submitted).await.status, 202);
    let arrived = pipeline.results(1).await;
    let spans = spans(&collector, TRACE, 4).await;
    // Each span is the parent of the next, from the request to the result. The call is a sibling of
    // the result.
    let mut chain = Vec::new();
    let mut parent = PARENT;
    for name in ["send document.authentication.requested", "process ", "send document.authentication.ready"] {
        let next = spans.iter().find(|span| span.parent == parent && span.name.starts_with(name));
        let next = next.unwrap_or_else(|| panic!("{name} below {chain:?} in {spans:#?}"));
        chain.push(&next.name);
        parent = &next.id;
    }
    assert_eq!(header(&arrived[0], "traceparent"), traceparent(parent));
    let called = pipeline.simulator.calls("submitted")[0].headers["traceparent"].clone();
    assert_eq!(called, traceparent(&only(&spans, SpanKind::Client).id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_collector_loses_no_message_and_delays_none() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}", listener.local_addr().expect("an address"));
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port");
    for url in [silent, format!("http://{closed}")] {
        let grace = ("BRIDGE_GRACE_SECONDS", "10");
        let timeout = ("OTEL_EXPORTER_OTLP_TIMEOUT", "500");
        let mut pipeline = Pipeline::start(&[&QUICK[..], &[grace, timeout, (ENDPOINT, &url)]].concat()).await;
        for number in 0..100 {
            pipeline.publish(&body(&request(&format!("r{number}")))).await;
        }
        let arrived = pipeline.results(100).await;
        assert!(arrived.iter().all(|event| event.body["status"] == "SUCCESS"));
        let warnings = || pipeline.bridge.log().iter().filter(|line| line.contains("spans are not exported")).count();
        until("the failure is logged", async || warnings() == 1).await;
        let started = Instant::now();
        assert!(tokio::task::block_in_place(|| pipeline.bridge.terminate()).success());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let warnings = pipeline.bridge.log().iter().filter(|line| line.contains("spans are not exported")).count();
        assert_eq!(warnings, 1, "the failure is logged once");
        assert_eq!(pipeline.dead_letters().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_are_exported_before_exit() {
    let collector = Collector::start().await.expect("a collector");
    let url = collector.url();
    let mut pipeline = Pipeline::start(&[("OTEL_BSP_SCHEDULE_DELAY", "600000"), (ENDPOINT, &url)]).await;
    publish(&pipeline, &body(&request("last")), &[("traceparent", &traceparent(PARENT))]).await;
    pipeline.results(1).await;
    assert!(collector.spans().is_empty());
    assert!(tokio::task::block_in_place(|| pipeline.bridge.terminate()).success());
    assert_eq!(collector.spans().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_the_traceparent_passes_through_unchanged() {
    let pipeline = Pipeline::start(&[QUICK[0]]).await;
    let parent = traceparent(PARENT);
    publish(&pipeline, &body(&request("through")), &[("traceparent", &parent), ("tracestate", "vendor=1")]).await;
    publish(&pipeline, &body(&request("unfit")), &[("traceparent", "not for\nHTTP"), ("tracestate", "\u{7f}")]).await;
    publish(&pipeline, &body(&request("without")), &[]).await;
    let arrived = pipeline.results(3).await;
    for (title, expected) in [("through", Some(&parent)), ("unfit", None), ("without", None)] {
        let event = arrived.iter().find(|event| event.body["messageId"] == title).expect("an event");
        assert_eq!(event.headers.get("traceparent"), expected, "{title}");
        assert_eq!(event.body["status"], "SUCCESS");
    }
    let metrics = Client::default().get(&pipeline.bridge.url("/metrics")).await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains("connectivity_bridge_component_troubles_total 0"), "{metrics}");
}
