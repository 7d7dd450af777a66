//! A second job, black box: the bridge moves its messages beside the documents without knowing what
//! they contain.

use connectivity_tests::dummy_job::{DummyJob, INVALID, REQUESTED, RESULT_KEYS, WITHOUT_VERDICT};
use connectivity_tests::pipeline::{Pipeline, request, until};
use lapin::BasicProperties;

const BODY: &[u8] = b"\x00 not JSON, not UTF-8: \xff";

fn properties(id: &str) -> BasicProperties {
    BasicProperties::default().with_message_id(id.into()).with_correlation_id("correlation".into())
}

async fn start(job: &DummyJob) -> Pipeline {
    let (url, row) = (job.url(), job.row());
    let settings = [
        ("COMPONENTS_URL", url.as_str()),
        ("BRIDGE_JOBS", row.as_str()),
        ("BRIDGE_RETRY_DELAYS", "100ms,300ms,1s"),
        ("BRIDGE_GIVE_UP_AFTER", "90s"),
    ];
    let pipeline = Pipeline::start(&settings).await;
    job.forward_to(pipeline.host.url(""));
    for key in RESULT_KEYS {
        pipeline.broker.bind_results(key).await.expect("a binding");
    }
    pipeline
}

async fn publish(pipeline: &Pipeline, id: &str, body: &[u8]) {
    let publish = async || pipeline.broker.publish_with(REQUESTED, body, properties(id)).await.unwrap_or(false);
    until("the request is accepted", publish).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_job_is_delivered_published_and_relayed_beside_documents() {
    let job = DummyJob::start().await.expect("a dummy job");
    let pipeline = start(&job).await;
    publish(&pipeline, "m-1", BODY).await;
    pipeline.publish(request("document").to_string().as_bytes()).await;
    let arrived = pipeline.results(2).await;
    let result = arrived.iter().find(|event| event.routing_key == RESULT_KEYS[0]).expect("a result of the dummy job");
    assert_eq!((result.message_id.as_str(), result.correlation_id.as_str()), ("result-of-m-1", "correlation"));
    assert_eq!(result.body["of"], "m-1");
    assert!(arrived.iter().any(|event| event.body["messageId"] == "document"), "{arrived:?}");

    let deliveries = job.deliveries();
    let [delivery] = deliveries.as_slice() else { panic!("{deliveries:?}") };
    assert_eq!(&delivery.body[..], BODY, "the body passes through unread");
    let headers =
        ["x-message-id", "x-correlation-id", "x-attempt", "x-give-up-after"].map(|name| delivery.header(name));
    assert_eq!(headers, ["m-1", "correlation", "1", "90"]);

    job.add_to_outbox("m-2");
    assert_eq!(pipeline.results(3).await[2].message_id, "result-of-m-2");
    until("both results are marked", async || job.published().len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_job_has_its_own_attempts_dead_letters_and_replays() {
    let job = DummyJob::start().await.expect("a dummy job");
    let pipeline = start(&job).await;
    publish(&pipeline, "m-1", WITHOUT_VERDICT).await;
    assert_eq!(pipeline.results(1).await[0].routing_key, RESULT_KEYS[1]);
    let attempts: Vec<_> = job.deliveries().iter().map(|it| it.header("x-attempt").to_owned()).collect();
    assert_eq!(attempts, ["1", "2"]);
    let dead_letters = async || pipeline.broker.count(&format!("{}.dead", job.queue())).await.unwrap_or(0);
    until("the first one is a dead letter", async || dead_letters().await == 1).await;
    publish(&pipeline, "m-2", INVALID).await;
    until("both are dead letters", async || dead_letters().await == 2).await;
    let listed = pipeline.command(&["dlq", "list", "--job", "dummies"]);
    assert!(listed.contains("m-1  attempts 1  the registry gave no verdict within 1m 30s (attempts: 2)"), "{listed}");
    assert!(listed.contains("dummy-id  attempts 0  the dummy is invalid"), "{listed}");
    assert_eq!(pipeline.dead_letters().await, 0, "documents have a queue of their own");
    assert_eq!(pipeline.command(&["dlq", "replay", "--job", "dummies", "--limit", "1"]).trim(), "replayed: 1");
    until("the replay is delivered", async || job.deliveries().iter().any(|it| it.header("x-replay") == "1")).await;
}
