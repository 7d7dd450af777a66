use super::*;
use crate::job;
use crate::message::REASON;
use crate::status::Status;
use async_trait::async_trait;
use connectivity_domain::job::settlement::Reply;
use std::sync::{Mutex, PoisonError};

/// The body of a request whose delivery panics.
const PANICS: &str = "panics";
/// The body of a request that is invalid.
const INVALID: &str = "invalid";

struct FakeComponents;

#[async_trait]
impl Deliver for FakeComponents {
    async fn deliver(&self, message: &Message, attempt: Attempt, _: &Span) -> Delivered {
        assert!(message.body != PANICS, "the body is {:?}", message.body);
        if message.body == INVALID {
            let (slug, detail) = ("invalid-request".to_owned(), "why".to_owned());
            let problem = Reply::Problem { status: 400, slug, detail, retry_after: None, asked: false };
            return Delivered::new(Err(problem), None);
        }
        let (outcome, key) = if attempt.is_removed { ("done-without-verdict", "failure") } else { ("done", "ready") };
        let event = format!(
            r#"{{"outcome": "{outcome}", "event":
                {{"id": "i", "kind": "result", "routing_key": "{key}", "message_id": "e", "body": {{}}}}}}"#
        );
        Delivered::new(serde_json::from_str(&event).map_err(|error| Reply::None(error.to_string())), None)
    }
}

#[derive(Default)]
struct FakeQueues {
    /// What was sent, as `where: reason`.
    sent: Mutex<Vec<String>>,
    /// No queue is bound for results.
    is_unroutable: bool,
}

impl FakeQueues {
    fn record(&self, place: &str, message: &Message) {
        let reason = message.headers.get(REASON).map_or("", String::as_str);
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{place}: {reason}"));
    }

    fn sent(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Outgoing for FakeQueues {
    async fn publish_result(&self, routing_key: &str, message: &Message) -> Result<(), AmqpError> {
        self.record(routing_key, message);
        if self.is_unroutable {
            return Err(AmqpError::Nacked);
        }
        Ok(())
    }

    async fn delay(&self, message: &Message, attempts: u32, at_least: Duration) -> Result<(), AmqpError> {
        self.record(&format!("delayed {attempts} {at_least:?} {:?}", message.headers), message);
        Ok(())
    }

    async fn dead_letter(&self, message: &Message) -> Result<(), AmqpError> {
        self.record("dead", message);
        Ok(())
    }
}

struct Given {
    worker: Worker,
    queues: Arc<FakeQueues>,
}

fn given() -> Given {
    given_with(FakeQueues::default())
}

fn given_with(queues: FakeQueues) -> Given {
    let job = job::table("q".to_owned(), "k".to_owned(), None).remove(0);
    let (queues, (_, stopping)) = (Arc::new(queues), watch::channel(false));
    let worker = Worker {
        session: Arc::<FakeQueues>::clone(&queues),
        components: Arc::new(FakeComponents),
        status: Arc::clone(&Status::new(std::slice::from_ref(&job)).jobs()[0]),
        job: Arc::new(job),
        give_up_after: Duration::from_hours(24),
        held_until: Instant::now() + MAX_HELD,
        marks: Marks::new().0,
        stopping,
        tracer: Tracer::disabled(),
    };
    Given { worker, queues }
}

#[tokio::test]
async fn panic_costs_its_own_message_and_nothing_else() {
    let given = given();
    for (body, expected) in [("first", "ready: "), (PANICS, "dead: internal error"), ("last", "ready: ")] {
        assert!(given.worker.clone().process(Delivery::fake(body, None)).await, "the session goes on");
        assert_eq!(given.queues.sent(), [expected]);
    }
    let metrics = &given.worker.status.metrics;
    assert_eq!((metrics.acknowledged.get(), metrics.dead_lettered.get()), (3, 1));
}

#[tokio::test]
async fn message_that_cannot_be_processed_is_dead_lettered_with_its_reason() {
    let long = "x".repeat(MAX_BODY + 1);
    let too_long = |is_movable| Some(MessageFault::TooLong { length: 104_857_600, is_movable });
    for (body, fault, expected) in [
        ("", Some(MessageFault::Unreadable("why".to_owned())), Some("dead: the message is not valid AMQP: why")),
        ("", too_long(false), Some("dead: the message is longer than 1 MiB: it had 100 MiB, which are not kept")),
        ("", too_long(true), None),
        (&long, None, Some("dead: the message is longer than 1 MiB")),
    ] {
        let given = given();
        assert!(given.worker.clone().process(Delivery::fake(body, fault)).await);
        assert_eq!(given.queues.sent(), expected.into_iter().collect::<Vec<_>>());
        assert_eq!(given.worker.status.metrics.dead_lettered.get(), 1);
    }
}

#[tokio::test]
async fn request_that_rabbitmq_removed_gets_its_failure_event_and_is_dead_lettered() {
    let given = given();
    let expected = ["failure: ", "dead: RabbitMQ removed the message from its queue: expired"];
    assert!(given.worker.clone().process(Delivery::fake_removed("{}", "expired")).await);
    assert_eq!(given.queues.sent(), expected);
    assert!(given.worker.clone().process(Delivery::fake_removed(INVALID, "maxlen")).await);
    assert_eq!(given.queues.sent(), ["dead: RabbitMQ removed the message from its queue: maxlen; why"]);
    assert_eq!(given.worker.status.metrics.dead_lettered.get(), 2);
}

#[tokio::test]
async fn message_that_waits_for_too_long_is_put_back_without_an_attempt() {
    let held = |given: &Given| Worker { held_until: Instant::now(), ..given.worker.clone() };
    let paused = given();
    (0..5).for_each(|_| paused.worker.status.flow_control.record(true, Instant::now()));
    assert!(held(&paused).process(Delivery::fake("first", None)).await);
    assert_eq!(paused.queues.sent(), ["delayed 0 0ns {}: "]);
    assert!(held(&paused).process(Delivery::fake_removed("first", "expired")).await);
    assert_eq!(paused.queues.sent(), [r#"delayed 0 0ns {"x-removed": "expired"}: "#]);
    let unroutable = given_with(FakeQueues { is_unroutable: true, ..FakeQueues::default() });
    assert!(held(&unroutable).process(Delivery::fake("first", None)).await);
    assert_eq!(unroutable.queues.sent(), ["ready: ", "delayed 0 0ns {}: "]);
    let metrics = [&paused, &unroutable].map(|given| &given.worker.status.metrics);
    assert_eq!(metrics.map(|metrics| (metrics.delayed.get(), metrics.acknowledged.get())), [(2, 2), (1, 1)]);
}
