use super::*;
use crate::delivery::Finished;
use crate::job;
use crate::trace::Tracer;

/// The body of a message that ends the component.
const PANICS: &str = "panics";

/// Components that answer when a test lets them.
struct FakeComponents {
    /// A permit for each request that is answered.
    answers: Semaphore,
    /// The bodies in each request, in the order in which they arrived.
    requests: Mutex<Vec<Vec<String>>>,
}

impl FakeComponents {
    fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn arrive(&self, bodies: Vec<String>) -> Result<(), Reply> {
        let fails = bodies.iter().any(|body| body == PANICS);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(bodies);
        self.answers.acquire().await.expect("it is not closed").forget();
        if fails { Err(no_answer()) } else { Ok(()) }
    }
}

fn no_answer() -> Reply {
    Reply::None("the connection broke".to_owned())
}

fn body(delivery: &HttpDelivery) -> String {
    String::from_utf8_lossy(&delivery.body).into_owned()
}

/// Returns the answer to a finished request. Its id is the body of the message.
fn finished(delivery: &HttpDelivery) -> Answer {
    let event = r#"{"outcome": "done",
        "event": {"id": "i", "kind": "result", "routing_key": "k", "message_id": "e", "body": {}}}"#;
    let finished: Finished = serde_json::from_str(event).expect("a result");
    Answer { status: Some(200), delivered: Delivered::new(Ok(finished), Some(body(delivery))) }
}

#[async_trait]
impl Post for FakeComponents {
    async fn post(&self, _: &Job, delivery: &HttpDelivery) -> Answer {
        match self.arrive(vec![body(delivery)]).await {
            Ok(()) => finished(delivery),
            Err(reply) => Answer { status: None, delivered: Delivered::new(Err(reply), None) },
        }
    }

    async fn post_all(&self, _: &Job, deliveries: &[Arc<HttpDelivery>]) -> Result<Vec<Answer>, Reply> {
        self.arrive(deliveries.iter().map(|delivery| body(delivery)).collect()).await?;
        Ok(deliveries.iter().map(|delivery| finished(delivery)).collect())
    }
}

fn given() -> (Arc<FakeComponents>, Arc<Batches<FakeComponents>>) {
    let components = Arc::new(FakeComponents { answers: Semaphore::new(0), requests: Mutex::default() });
    let job = job::table("q".to_owned(), "k".to_owned(), None).remove(0);
    (Arc::clone(&components), Arc::new(Batches::new(components, job)))
}

/// Delivers a message. Returns the reply, and the id of the request.
fn deliver(batches: &Arc<Batches<FakeComponents>>, body: String) -> tokio::task::JoinHandle<(Reply, Option<String>)> {
    let batches = Arc::clone(batches);
    tokio::spawn(async move {
        let mut message = Message { body: body.into(), ..Message::default() };
        let span = Tracer::disabled().process(&mut message);
        let attempt = Attempt { number: 1, give_up_after: Duration::ZERO, is_removed: false };
        let Delivered { reply, request_id, .. } = batches.deliver(&message, attempt, &span).await;
        (reply, request_id)
    })
}

/// Lets all tasks run until they wait.
async fn settle_down() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Fills what may be in flight with deliveries that are alone.
async fn occupy(components: &FakeComponents, batches: &Arc<Batches<FakeComponents>>) {
    for number in 0..4 {
        deliver(batches, format!("first-{number}"));
        settle_down().await;
        assert_eq!(components.requests().len(), number + 1);
    }
}

#[tokio::test]
async fn delivery_without_others_leaves_at_once_and_alone() {
    let (components, batches) = given();
    let delivered = deliver(&batches, "m".to_owned());
    settle_down().await;
    assert_eq!(components.requests(), [["m"]]);
    components.answers.add_permits(1);
    assert_eq!(delivered.await.expect("an answer"), (Reply::Done, Some("m".to_owned())));
}

#[tokio::test]
async fn what_arrives_meanwhile_makes_the_next_batch_and_each_delivery_gets_its_answer() {
    let (components, batches) = given();
    occupy(&components, &batches).await;
    let waiting: Vec<_> = (0..40).map(|number| (number, deliver(&batches, format!("m-{number}")))).collect();
    settle_down().await;
    assert_eq!(components.requests().len(), 4, "they wait");
    components.answers.add_permits(100);
    for (number, delivered) in waiting {
        assert_eq!(delivered.await.expect("an answer"), (Reply::Done, Some(format!("m-{number}"))));
    }
    let sizes: Vec<_> = components.requests()[4..].iter().map(Vec::len).collect();
    assert_eq!(sizes, [32, 8]);
}

#[tokio::test]
async fn deliveries_do_not_wait_for_others_that_take_long() {
    let (components, batches) = given();
    occupy(&components, &batches).await;
    deliver(&batches, "m-1".to_owned());
    deliver(&batches, "m-2".to_owned());
    while components.requests().len() < 5 {
        tokio::time::sleep(COUNTED / 10).await;
    }
    assert_eq!(components.requests()[4..], [["m-1", "m-2"]]);
}

#[tokio::test]
async fn batch_that_fails_costs_only_the_delivery_that_fails_alone() {
    let (components, batches) = given();
    occupy(&components, &batches).await;
    let waiting = ["m-1", PANICS, "m-2"].map(|body| deliver(&batches, body.to_owned()));
    settle_down().await;
    components.answers.add_permits(100);
    let mut replies = Vec::new();
    for delivered in waiting {
        replies.push(delivered.await.expect("an answer").0);
    }
    assert_eq!(replies, [Reply::Done, no_answer(), Reply::Done]);
    let sizes: Vec<_> = components.requests()[4..].iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 1, 1, 1]);
}

#[tokio::test]
async fn caller_that_goes_takes_no_other_delivery_with_it() {
    let (components, batches) = given();
    occupy(&components, &batches).await;
    let [gone, first, second] = ["gone", "m-1", "m-2"].map(|body| deliver(&batches, body.to_owned()));
    settle_down().await;
    gone.abort();
    components.answers.add_permits(4);
    settle_down().await;
    assert_eq!(components.requests()[4..], [["m-1", "m-2"]]);
    first.abort();
    components.answers.add_permits(100);
    assert_eq!(second.await.expect("an answer"), (Reply::Done, Some("m-2".to_owned())));
}

#[tokio::test]
async fn so_many_requests_are_sent_at_the_same_time() {
    let (components, batches) = given();
    let long: Vec<_> = (0..=MAX_REQUESTS).map(|_| deliver(&batches, "x".repeat(MAX_BODIES + 1))).collect();
    settle_down().await;
    assert_eq!(components.requests().len(), MAX_REQUESTS);
    components.answers.add_permits(100);
    for delivered in long {
        assert_eq!(delivered.await.expect("an answer").0, Reply::Done);
    }
}

#[tokio::test]
async fn alone_goes_what_is_long_or_not_text() {
    let (components, batches) = given();
    occupy(&components, &batches).await;
    deliver(&batches, "x".repeat(MAX_BODIES + 1));
    settle_down().await;
    assert_eq!(components.requests().len(), 5, "it does not wait");
    let binary = HttpDelivery { headers: reqwest::header::HeaderMap::new(), body: b"\xff".to_vec().into() };
    components.answers.add_permits(100);
    assert_eq!(batches.send(binary).await.status, Some(200));
}
