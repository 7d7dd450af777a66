use super::fakes::{FakeJobRegistry, FakeJobStore};
use super::*;
use crate::citizen::CitizenId;
use crate::registry::{NoVerdict, RegistryError, StoreError};
use crate::time::Timestamp;
use crate::verdict::Evidence;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const LEASE: Duration = Duration::from_secs(30);
const RETRY_AFTER: Duration = Duration::from_secs(9);

/// A job for the tests: a question about a citizen, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Greeting(CitizenId);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Greeted(bool, Evidence);

impl Verdict for Greeted {
    const NEGATIVE: &'static str = "the citizen was not greeted";

    fn is_positive(&self) -> bool {
        self.0
    }

    fn evidence(&self) -> &Evidence {
        &self.1
    }
}

impl Question for Greeting {
    type Verdict = Greeted;

    fn parse(bytes: &[u8]) -> Result<Submission<Self>, RequestError> {
        let fields: Map<String, Value> = submission::parse_fields(bytes, "a field appears twice")?;
        let citizen = submission::citizen("citizen", fields.get("citizen").cloned())?;
        let message_id = submission::message_id("messageId", fields.get("messageId").cloned())?;
        Ok(Submission { message_id, request: Self(citizen) })
    }

    fn citizen(&self) -> &CitizenId {
        &self.0
    }

    fn to_message(&self) -> Map<String, Value> {
        [("citizen".to_owned(), self.0.as_str().into())].into_iter().collect()
    }

    fn result_fields(record: &Record<Self>) -> Map<String, Value> {
        [("greeted".to_owned(), record.status.verdict().into())].into_iter().collect()
    }
}

type Registry = FakeJobRegistry<Greeting>;
type Store = FakeJobStore<Greeting>;

fn greeting(number: u32) -> Greeting {
    Greeting(CitizenId::parse(&format!("{}", 1_000_000 + number)).expect("an id"))
}

fn claim(token: &str, at: Timestamp) -> Claim<Greeting> {
    Claim {
        id: format!("id-{token}"),
        token: token.into(),
        message_id: MessageId::parse("m-1").expect("an id"),
        request: greeting(0),
        origin: Origin::Queue,
        enqueue_at: at.plus(LEASE * 2),
        correlation: Correlation::default(),
        requester: Requester::default(),
        trace: None,
        at,
        until: at.plus(LEASE),
    }
}

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: Some("\"body\"".into()) }
}

fn greeted(is_positive: bool) -> Greeted {
    Greeted(is_positive, evidence(200))
}

fn unavailable() -> RegistryError {
    let cause = Cause::Timeout;
    RegistryError::Unavailable(NoVerdict { cause, status: Some(504), retry_after: RETRY_AFTER, attempts: 3 })
}

async fn run(registry: &Registry, store: &Store, claim: &Claim<Greeting>) -> Result<Status, Unfinished> {
    performed(registry, store, claim, None).await
}

async fn performed(
    registry: &Registry,
    store: &impl JobStore<Greeting>,
    claim: &Claim<Greeting>,
    give_up_after: Option<Duration>,
) -> Result<Status, Unfinished> {
    let task = Task { claim: claim.clone(), registry: registry.clone(), give_up_after };
    perform(store, &task, || claim.at).await.map(|record| record.status)
}

/// Performs a request that is given up, whatever its age.
async fn run_last(registry: &Registry, store: &Store, claim: &Claim<Greeting>) -> Result<Status, Unfinished> {
    performed(registry, store, claim, Some(Duration::ZERO)).await
}

fn no_verdict(cause: Option<Cause>, retry_after: Duration) -> Unfinished {
    Unfinished::NoVerdict { cause, retry_after }
}

#[tokio::test]
async fn fake_store_keeps_the_contract() {
    let ids = AtomicU32::new(0);
    let new_id = || format!("id-{}", ids.fetch_add(1, Ordering::Relaxed));
    let store = Store::default();
    let promises = contract::check(&store, greeting, new_id).await;
    let broken: Vec<_> = promises.iter().filter(|promise| promise.failure.is_some()).map(ToString::to_string).collect();
    assert_eq!((promises.len(), broken), (68, Vec::new()));
    let records = store.records();
    assert!(Status::ALL.iter().all(|status| records.iter().any(|record| record.status == *status)));
    assert!(promises[0].to_string().starts_with("ok "), "{}", promises[0]);
}

#[tokio::test]
async fn unavailable_store_breaks_the_contract() {
    let promises = contract::check(&Store::down(), greeting, || "id".to_owned()).await;
    assert!(promises[0].to_string().starts_with("FAILED "), "{}", promises[0]);
}

#[tokio::test]
async fn verdict_is_recorded_once() {
    for (answer, status) in [(true, Status::Success), (false, Status::Failed)] {
        let (registry, store) = (Registry::answering(Ok(greeted(answer))), Store::default());
        assert_eq!(run(&registry, &store, &claim("a", AT)).await, Ok(status));
        let other = Registry::answering(Err(unavailable()));
        assert_eq!(run_last(&other, &store, &claim("b", AT.plus(LEASE))).await, Ok(status));
        assert_eq!((registry.calls(), other.calls(), other.looks()), (1, 0, 0));
    }
}

#[tokio::test]
async fn request_without_verdict_stays_pending_until_it_is_given_up() {
    let minute = Duration::from_mins(1);
    for (error, expected) in [
        (unavailable(), no_verdict(Some(Cause::Timeout), RETRY_AFTER)),
        (RegistryError::Refused(evidence(400)), no_verdict(None, minute)),
        (RegistryError::UnexpectedResponse(evidence(302)), no_verdict(None, minute)),
    ] {
        let (registry, store) = (Registry::answering(Err(error)), Store::default());
        assert_eq!(run(&registry, &store, &claim("a", AT)).await, Err(expected));
        assert_eq!(store.records()[0].result(), None);
        assert_eq!(run_last(&registry, &store, &claim("b", AT)).await, Ok(Status::Error), "the claim was released");
        assert_eq!(store.records()[0].id, "id-a");
    }
}

#[tokio::test]
async fn registry_is_not_asked_without_the_claim() {
    let (registry, store) = (Registry::answering(Ok(greeted(true))), Store::default());
    assert_eq!(run(&registry, &Store::down(), &claim("a", AT)).await, Err(Unfinished::NotRecorded));
    store.claim(&claim("a", AT)).await.expect("a claim");
    assert_eq!(run(&registry, &store, &claim("b", AT)).await, Err(Unfinished::InProgress(LEASE)));
    let other = Claim { request: greeting(1), ..claim("c", AT.plus(LEASE)) };
    assert_eq!(run(&registry, &store, &other).await, Err(Unfinished::MessageIdReused));
    assert_eq!((registry.calls(), registry.looks()), (0, 0));
}

#[tokio::test]
async fn only_attempts_after_the_first_look_before_they_ask() {
    let store = Store::default();
    let registry = Registry::answering(Err(unavailable()));
    let pending = Err(no_verdict(Some(Cause::Timeout), RETRY_AFTER));
    assert_eq!(run(&registry, &store, &claim("a", AT)).await, pending);
    assert_eq!((registry.looks(), registry.calls()), (0, 1));
    assert_eq!(run(&registry, &store, &claim("b", AT)).await, pending);
    assert_eq!((registry.looks(), registry.calls()), (1, 2), "nothing was found, so the registry is asked");

    let failing = Registry::answering(Ok(greeted(true))).finding(Err(unavailable()));
    assert_eq!(run(&failing, &store, &claim("c", AT)).await, pending);
    assert_eq!((failing.looks(), failing.calls()), (1, 0), "the registry is not asked without a look");

    let found = Registry::answering(Ok(greeted(false))).finding(Ok(Some(greeted(true))));
    assert_eq!(run(&found, &store, &claim("d", AT)).await, Ok(Status::Success));
    assert_eq!((found.looks(), found.calls()), (1, 0));
}

#[tokio::test]
async fn replay_looks_before_it_asks() {
    let registry = Registry::answering(Ok(greeted(false))).finding(Ok(Some(greeted(true))));
    let replay = Claim { message_id: claim("a", AT).message_id.replay(1), ..claim("a", AT) };
    assert_eq!(run(&registry, &Store::default(), &replay).await, Ok(Status::Success));
    assert_eq!((registry.looks(), registry.calls()), (1, 0));
}

/// A store in which another instance takes over each claim before the job is finished.
struct TakenOver(Store);

impl JobStore<Greeting> for TakenOver {
    async fn claim(&self, claim: &Claim<Greeting>) -> Result<Claimed<Greeting>, StoreError> {
        self.0.claim(claim).await
    }

    async fn finish(
        &self,
        claim: &Claim<Greeting>,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<Record<Greeting>, StoreError> {
        let other = Claim { token: "other".into(), at: claim.until, ..claim.clone() };
        self.0.claim(&other).await?;
        self.0.finish(claim, outcome, at).await
    }

    async fn release(&self, claim: &Claim<Greeting>, at: Timestamp) -> Result<(), StoreError> {
        self.0.release(claim, at).await
    }
}

#[tokio::test]
async fn job_that_another_instance_took_over_is_in_progress() {
    let (registry, store) = (Registry::answering(Ok(greeted(true))), TakenOver(Store::default()));
    let result = performed(&registry, &store, &claim("a", AT), None).await;
    assert_eq!(result, Err(Unfinished::InProgress(Duration::from_secs(1))));
}

#[tokio::test]
async fn jobs_that_are_performed_together_have_the_results_that_each_has_alone() {
    let (greeting_registry, down) = (Registry::answering(Ok(greeted(true))), Registry::answering(Err(unavailable())));
    let store = Store::default();
    let task = |number: u32, registry: &Registry, give_up_after| {
        let message_id = MessageId::parse(&format!("m-{number}")).expect("an id");
        let claim = Claim { message_id, request: greeting(number), ..claim(&format!("{number}"), AT) };
        Task { claim, registry: registry.clone(), give_up_after }
    };
    let finished = task(0, &Registry::answering(Ok(greeted(false))), None);
    perform(&store, &finished, || AT).await.expect("a record");
    let first = task(1, &greeting_registry, None);
    let repeated = Task { claim: Claim { token: "again".into(), ..first.claim.clone() }, ..first.clone() };
    let mut other = task(0, &greeting_registry, None);
    other.claim.request = greeting(9);
    let (pending, ended) = (task(2, &down, None), task(3, &down, Some(Duration::ZERO)));
    let tasks = [first, repeated, finished, other, pending, ended];
    let results = perform_all(&store, &tasks, || AT).await;
    let results: Vec<_> = results.into_iter().map(|result| result.map(|record| record.status)).collect();
    let expected = [
        Ok(Status::Success),
        Err(Unfinished::InProgress(LEASE)),
        Ok(Status::Failed),
        Err(Unfinished::MessageIdReused),
        Err(no_verdict(Some(Cause::Timeout), RETRY_AFTER)),
        Ok(Status::Error),
    ];
    assert_eq!(results, expected);
    assert_eq!((greeting_registry.calls(), down.calls()), (1, 2));
    assert_eq!(run(&down, &store, &tasks[4].claim).await, results[4], "the claim was released");
    let without_store = perform_all(&Store::down(), &tasks, || AT).await;
    assert!(without_store.iter().all(|result| *result == Err(Unfinished::NotRecorded)));
    let taken_over = perform_all(&TakenOver(Store::default()), &tasks[..1], || AT).await;
    assert_eq!(taken_over, [Err(Unfinished::InProgress(Duration::from_secs(1)))]);
    assert!(perform_all(&store, &[] as &[Task<Greeting, Registry>], || AT).await.is_empty());
}

#[tokio::test]
async fn request_is_given_up_by_the_time_of_its_first_receipt() {
    let (registry, store) = (Registry::answering(Err(unavailable())), Store::default());
    let limit = Duration::from_hours(1);
    for (token, age, expected) in [
        ("a", Duration::ZERO, Err(no_verdict(Some(Cause::Timeout), RETRY_AFTER))),
        ("b", Duration::from_mins(59), Err(no_verdict(Some(Cause::Timeout), RETRY_AFTER))),
        ("c", limit, Ok(Status::Error)),
    ] {
        let claim = claim(token, AT.plus(age));
        assert_eq!(performed(&registry, &store, &claim, Some(limit)).await, expected, "{age:?}");
    }
    assert_eq!(registry.calls(), 3, "the registry is asked before the request is given up");
    let replay = Claim { message_id: MessageId::parse("m-1").expect("an id").replay(1), ..claim("d", AT.plus(limit)) };
    assert!(performed(&registry, &store, &replay, Some(limit)).await.is_err(), "a replay starts anew");
}

#[tokio::test]
async fn removed_request_is_an_error_unless_it_is_finished() {
    let (registry, store) = (Registry::answering(Ok(greeted(true))), Store::default());
    let record = give_up(&store, &claim("a", AT), || AT).await.expect("a record");
    assert_eq!((record.status, record.status.verdict()), (Status::Error, None));
    assert_eq!(run(&registry, &store, &claim("b", AT)).await, Ok(Status::Error));
    assert_eq!(registry.calls(), 0);
    let taken_over = give_up(&TakenOver(Store::default()), &claim("a", AT), || AT).await;
    assert_eq!(taken_over, Err(Unfinished::InProgress(Duration::from_secs(1))));
}

#[test]
fn only_a_positive_verdict_is_a_success() {
    let body = Some("\"body\"");
    for (answer, status, code, response, message) in [
        (Ok(greeted(true)), Status::Success, 200, body, None),
        (Ok(greeted(false)), Status::Failed, 200, body, Some("the citizen was not greeted")),
        (Err(unavailable()), Status::Error, 504, None, Some("the registry did not answer in time")),
        (
            Err(RegistryError::Refused(evidence(400))),
            Status::Error,
            400,
            body,
            Some("the registry rejected the question as invalid"),
        ),
        (
            Err(RegistryError::UnexpectedResponse(evidence(302))),
            Status::Error,
            302,
            body,
            Some("the registry's response was not understood"),
        ),
    ] {
        let outcome = Outcome::from_answer(&answer);
        assert_eq!((outcome.status(), outcome.status_code()), (status, Some(code)), "{answer:?}");
        assert_eq!((outcome.response(), outcome.message()), (response, message), "{answer:?}");
    }
}

#[test]
fn statuses_have_stable_names_and_verdicts() {
    for (status, name, is_final, verdict) in [
        (Status::Pending, "PENDING", false, None),
        (Status::Success, "SUCCESS", true, Some(true)),
        (Status::Failed, "FAILED", true, Some(false)),
        (Status::Error, "ERROR", true, None),
    ] {
        assert_eq!((status.as_str(), Status::parse(name)), (name, Some(status)));
        assert_eq!((status.is_final(), status.verdict()), (is_final, verdict), "{name}");
    }
    assert_eq!(Status::parse("success"), None);
}

#[test]
fn events_depend_on_the_record_only() {
    let mut record = claim("a", AT).pending_record();
    assert_eq!(record.request_event(), json!({"citizen": "1000000", "messageId": "record:id-a"}));
    assert_eq!(record.result(), None);
    record.finish(&Outcome::from_answer(&Ok(greeted(true))), AT);
    let expected = json!({
        "citizen": "1000000", "messageId": "m-1", "greeted": true, "status": "SUCCESS",
        "externalApiStatusCode": 200, "processedAt": "2027-01-15T08:00:00.000Z",
    });
    assert_eq!(record.result(), Some(expected));
}

#[test]
fn results_are_due_by_the_origin_of_their_request() {
    let (queue, http) = (claim("a", AT), Claim { origin: Origin::Http, ..claim("b", AT) });
    assert_eq!((queue.result_due(AT), http.result_due(AT)), (AT.plus(Duration::from_secs(15)), AT));
}
