//! The contract of job stores: one suite for the fake and for the SQL adapters.

mod together;

use super::claim::{Claim, Correlation, Origin, Requester};
use super::message_id::MessageId;
use super::outcome::{Outcome, Status, Verdict};
use super::ports::{Claimed, JobArchive, JobStore, Outbox, Waiting};
use super::record::{Question, Record};
use crate::page::Page;
use crate::registry::{NoVerdict, RegistryError, StoreError};
use crate::time::Timestamp;
use crate::trace::TraceContext;
use crate::verdict::{Cause, Evidence};
use std::fmt::{self, Debug};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// The time at which the suite starts. It is long past, so that records of others in the same
/// database are not due in the outbox.
const START: Timestamp = Timestamp::from_micros(1_000_000_000_123_456);

const LEASE: Duration = Duration::from_secs(30);

/// How long after its claim a request is handed to the queue again.
const REQUEUE_AFTER: Duration = Duration::from_mins(15);

/// The number of concurrent claims on one request.
const CLAIMANTS: usize = 8;

/// One promise of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// What a store promises.
    pub promise: &'static str,
    /// What was found instead, if the store broke the promise.
    pub failure: Option<String>,
}

impl fmt::Display for Promise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            None => write!(formatter, "ok {}", self.promise),
            Some(found) => write!(formatter, "FAILED {}: {found}", self.promise),
        }
    }
}

/// Runs the suite on a store and returns all promises.
///
/// `question` returns the question with a number; it must return a question about another citizen
/// for another number, and no citizen may have a record in the store yet. `new_id` returns a new
/// unique id.
pub async fn check<Q: Question, S: JobStore<Q> + JobArchive<Q> + Outbox<Q>>(
    store: &S,
    question: impl Fn(u32) -> Q + Send + Sync,
    new_id: impl Fn() -> String + Send + Sync,
) -> Vec<Promise> {
    let mut suite = Suite { store, question, new_id, promises: Vec::new() };
    suite.claims().await;
    suite.concurrent_claims().await;
    suite.outcomes().await;
    suite.releases().await;
    suite.claims_together().await;
    suite.outcomes_together().await;
    suite.archive().await;
    suite.results_in_the_outbox().await;
    suite.requests_in_the_outbox().await;
    suite.promises
}

struct Suite<'a, S, F, I> {
    store: &'a S,
    question: F,
    new_id: I,
    promises: Vec<Promise>,
}

impl<S, F, I> Suite<'_, S, F, I> {
    fn expect<T: PartialEq + Debug>(&mut self, promise: &'static str, found: &T, expected: &T) {
        let failure = (found != expected).then(|| format!("{found:?} instead of {expected:?}"));
        self.promises.push(Promise { promise, failure });
    }

    /// Returns a claim on a new request from the queue.
    fn claim<Q>(&self, number: u32, at: Timestamp) -> Claim<Q>
    where
        F: Fn(u32) -> Q,
        I: Fn() -> String,
    {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        Claim {
            id: (self.new_id)(),
            token: (self.new_id)(),
            message_id: MessageId::digest((self.new_id)().as_bytes()),
            request: (self.question)(number),
            origin: Origin::Queue,
            enqueue_at: at.plus(REQUEUE_AFTER),
            correlation: Correlation { id: Some("Ñ 1".to_owned()), reply_to: Some("replies".to_owned()) },
            requester: Requester { subject: Some("operator".to_owned()), request_id: Some("r-1".to_owned()) },
            trace: TraceContext::parse(traceparent, Some("vendor=1")),
            at,
            until: at.plus(LEASE),
        }
    }

    /// Returns another claim on the same request.
    fn another<Q: Clone>(&self, claim: &Claim<Q>, at: Timestamp) -> Claim<Q>
    where
        I: Fn() -> String,
    {
        let (id, token) = ((self.new_id)(), (self.new_id)());
        Claim { id, token, at, until: at.plus(LEASE), enqueue_at: at.plus(REQUEUE_AFTER), ..claim.clone() }
    }
}

impl<Q: Question, S: JobStore<Q> + JobArchive<Q> + Outbox<Q>, F, I> Suite<'_, S, F, I>
where
    F: Fn(u32) -> Q + Send + Sync,
    I: Fn() -> String + Send + Sync,
    S: Send + Sync,
{
    async fn claims(&mut self) {
        let claim: Claim<Q> = self.claim(0, START);
        let found = self.store.claim(&claim).await;
        self.expect("a new request is acquired", &found, &Ok(acquired(&claim, true)));
        let early = self.another(&claim, START.plus(LEASE / 3));
        let found = self.store.claim(&early).await;
        self.expect("a claimed request is in progress", &found, &Ok(Claimed::InProgress(LEASE * 2 / 3)));
        let other = Claim { request: (self.question)(1), ..self.another(&claim, START.plus(LEASE)) };
        let found = self.store.claim(&other).await;
        self.expect("the id of a pending request cannot be reused", &found, &Ok(Claimed::MessageIdReused));
        let subjects = ["one", "another"].map(|subject| {
            let message_id = claim.message_id.clone().over_http(subject);
            Claim { message_id, request: (self.question)(1), ..self.another(&claim, START) }
        });
        for over_http in &subjects {
            let found = self.store.claim(over_http).await;
            self.expect("each subject has ids of its own", &found, &Ok(acquired(over_http, true)));
            let found = self.store.find(&over_http.id).await;
            self.expect("an id is stored as it was given", &found, &Ok(Some(over_http.pending_record())));
        }
        let late = self.another(&claim, START.plus(LEASE));
        let found = self.store.claim(&late).await;
        self.expect("an expired claim is replaced", &found, &Ok(acquired(&claim, false)));
        let again = self.another(&claim, START.plus(LEASE));
        let found = self.store.claim(&again).await;
        self.expect("a claim that replaced another one is valid", &found, &Ok(Claimed::InProgress(LEASE)));
        let found = self.store.finish(&claim, &success(), late.at).await.map(|record| record.status);
        self.expect("a replaced claim cannot finish the job", &found, &Ok(Status::Pending));
        let found = self.store.finish(&late, &success(), late.at).await.map(|record| record.status);
        self.expect("the holder of the claim can finish the job", &found, &Ok(Status::Success));
        let found = self.store.claim(&other).await;
        self.expect("the id of a finished request cannot be reused", &found, &Ok(Claimed::MessageIdReused));
        self.clear(&claim).await;
    }

    async fn concurrent_claims(&mut self) {
        let first: Claim<Q> = self.claim(2, START);
        let claims: Vec<_> = (0..CLAIMANTS).map(|_| self.another(&first, START)).collect();
        let results = join_all(claims.iter().map(|claim| self.store.claim(claim))).await;
        let count = |wanted: fn(&Claimed<Q>) -> bool| results.iter().flatten().filter(|it| wanted(it)).count();
        let acquired = count(|it| matches!(it, Claimed::Acquired { is_new: true, .. }));
        let in_progress = count(|it| matches!(it, Claimed::InProgress(_)));
        self.expect("one of concurrent claims succeeds", &(acquired, in_progress), &(1, CLAIMANTS - 1));
    }

    async fn outcomes(&mut self) {
        for (number, answer) in (10..).zip(answers()) {
            let (claim, outcome) = (self.claim::<Q>(number, START), Outcome::from_answer(&answer));
            let at = START.plus(Duration::from_millis(1));
            let expected = finished(&claim, &outcome, at);
            let _ = self.store.claim(&claim).await;
            let found = self.store.finish(&claim, &outcome, at).await;
            self.expect("an outcome is recorded", &found, &Ok(expected.clone()));
            let found = self.store.find(&claim.id).await;
            self.expect("a record is stored as it was returned", &found, &Ok(Some(expected.clone())));
            let again = self.another(&claim, START.plus(LEASE * 2));
            let found = self.store.claim(&again).await;
            self.expect("a finished job is not claimed", &found, &Ok(Claimed::Finished(Box::new(expected.clone()))));
            let other = Outcome::from_answer::<Sample>(&Err(RegistryError::Refused(evidence(499))));
            let found = self.store.finish(&claim, &other, again.at).await;
            self.expect("a job is finished once", &found, &Ok(expected));
            self.clear(&claim).await;
        }
    }

    async fn releases(&mut self) {
        let claim: Claim<Q> = self.claim(3, START);
        let stranger = self.another(&claim, START);
        let _ = self.store.claim(&claim).await;
        let found = self.store.release(&stranger, START).await;
        self.expect("a release without the claim is no error", &found, &Ok(()));
        let found = self.store.claim(&stranger).await;
        self.expect("a release without the claim changes nothing", &found, &Ok(Claimed::InProgress(LEASE)));
        let found = self.store.release(&claim, START).await;
        self.expect("a claim is released", &found, &Ok(()));
        let found = self.store.claim(&stranger).await;
        self.expect("a released request is acquired at once", &found, &Ok(acquired(&claim, false)));
        let _ = self.store.finish(&stranger, &success(), START).await;
        let _ = self.store.release(&stranger, START).await;
        let found = self.store.find(&claim.id).await.map(|record| record.map(|record| record.status));
        self.expect("a release after the end changes nothing", &found, &Ok(Some(Status::Success)));
        self.clear(&claim).await;
    }

    async fn archive(&mut self) {
        let found = self.store.find(&(self.new_id)()).await;
        self.expect("an unknown id has no record", &found, &Ok(None));
        let claims: Vec<Claim<Q>> =
            (0..3).map(|number| self.claim(4, START.plus(Duration::from_secs(number)))).collect();
        for claim in &claims {
            let _ = self.store.claim(claim).await;
        }
        let [first, second, third] = [0, 1, 2].map(|index| claims[index].pending_record());
        let citizen = (self.question)(4).citizen().clone();
        let page = |number| Page::parse(Some(number), Some("2")).unwrap_or_else(|error| unreachable!("{error}"));
        let found = self.store.history(&citizen, page("1")).await;
        self.expect("a history begins with the newest record", &found, &Ok((3, vec![third, second])));
        let found = self.store.history(&citizen, page("2")).await;
        self.expect("a history ends with the oldest record", &found, &Ok((3, vec![first])));
        let found = self.store.history((self.question)(5).citizen(), page("1")).await;
        self.expect("a citizen without records has an empty history", &found, &Ok((0, Vec::new())));
    }

    async fn results_in_the_outbox(&mut self) {
        let mut claims: Vec<Claim<Q>> = (20..23).map(|number| self.claim(number, START)).collect();
        for (claim, seconds) in claims.iter().zip([2, 1, 3]) {
            let _ = self.store.claim(claim).await;
            let _ = self.store.finish(claim, &success(), START.plus(Duration::from_secs(seconds))).await;
        }
        claims.swap(0, 1);
        let due: Vec<_> =
            (1..4).map(|seconds| claims[0].result_due(START.plus(Duration::from_secs(seconds)))).collect();
        let ids: Vec<_> = claims.iter().map(|claim| claim.id.clone()).collect();
        let early = Timestamp::from_micros(due[0].as_micros() - 1);
        let found = self.lease(10, early).await;
        self.expect("a result is not leased before it is due", &found, &Ok(Vec::new()));
        let found = self.lease(1, due[1]).await;
        self.expect("the oldest result is leased first", &found, &Ok(ids[..1].to_vec()));
        let found = self.lease(10, due[1]).await;
        self.expect("a leased result is not leased again", &found, &Ok(ids[1..2].to_vec()));
        let found = self.lease(10, due[2]).await;
        self.expect("a result is leased when it is due", &found, &Ok(ids[2..].to_vec()));
        let again = due[2].plus(LEASE);
        let found = self.store.lease(10, &(self.new_id)(), again, again.plus(LEASE)).await;
        let expected = self.store.find(&ids[0]).await.map(|record| record.into_iter().collect::<Vec<_>>());
        let first = found.as_ref().map(|records| records.iter().filter(|it| it.id == ids[0]).cloned().collect());
        self.expect("a result with an expired lease is leased again", &first.map_err(|error| *error), &expected);
        let count = found.map(|records| records.len());
        self.expect("all results with expired leases are leased again", &count, &Ok(3));
        let published = due[2].plus(Duration::from_secs(5));
        let _ = self.store.requests_published(&ids, published).await;
        let _ = self.store.results_published(&ids[..1], published).await;
        let _ = self.store.results_published(&ids, published.plus(LEASE)).await;
        let found = self.lease(10, again.plus(LEASE * 2)).await;
        self.expect("a published result leaves the outbox", &found, &Ok(Vec::new()));
        let mut times = Vec::new();
        for id in &ids {
            times.push(self.store.find(id).await.map(|record| record.and_then(|record| record.event_published_at)));
        }
        let expected = [published, published.plus(LEASE), published.plus(LEASE)].map(|time| Ok(Some(time)));
        self.expect("the first time of publication is recorded", &times, &expected.to_vec());
    }

    async fn requests_in_the_outbox(&mut self) {
        let enqueue_at = START.plus(LEASE);
        let found = self.store.waiting().await;
        let waiting = Waiting { pending_since: Some(START), unpublished_since: None };
        self.expect("all results have been published", &found, &Ok(waiting));
        let [published, finished, queued] = [30, 31, 32].map(|number| {
            let claim = self.claim::<Q>(number, START);
            if number == 32 { claim } else { Claim { origin: Origin::Http, enqueue_at, ..claim } }
        });
        for claim in [&published, &finished, &queued] {
            let _ = self.store.claim(claim).await;
        }
        let early = Timestamp::from_micros(enqueue_at.as_micros() - 1);
        let found = self.lease(10, early).await;
        self.expect("a request is not leased before it is due", &found, &Ok(Vec::new()));
        let mut found = self.lease(10, enqueue_at).await;
        let mut expected = vec![published.id.clone(), finished.id.clone()];
        _ = (found.as_mut().map(|ids| ids.sort()), expected.sort());
        self.expect("requests are leased when they are due", &found, &Ok(expected.clone()));
        let _ = self.store.finish(&finished, &success(), enqueue_at).await;
        let found = self.store.waiting().await;
        let waiting = Waiting { unpublished_since: Some(enqueue_at), ..waiting };
        self.expect("the outbox knows its oldest records", &found, &Ok(waiting));
        let _ = self.store.results_published(std::slice::from_ref(&published.id), enqueue_at).await;
        let again = enqueue_at.plus(REQUEUE_AFTER);
        let _ = self.store.requests_published(&expected, again).await;
        let found = self.lease(10, enqueue_at.plus(LEASE * 2)).await;
        self.expect(
            "a published request is not due for a while, a result stays",
            &found,
            &Ok(vec![finished.id.clone()]),
        );
        let found = self.store.find(&published.id).await;
        self.expect("a pending record has no published result", &found, &Ok(Some(published.pending_record())));
        let _ = self.store.results_published(&[finished.id], enqueue_at).await;
        let _ = self.store.claim(&self.another(&queued, enqueue_at)).await;
        let early = self.lease(100, Timestamp::from_micros(again.as_micros() - 1)).await.unwrap_or_default();
        let late = self.lease(100, again).await.unwrap_or_default();
        for (promise, id) in [
            ("a published request that stays pending is due again", &published.id),
            ("another claim postpones a request in the outbox", &queued.id),
        ] {
            self.expect(promise, &(early.contains(id), late.contains(id)), &(false, true));
        }
    }

    /// Leases at `now`, and returns the ids of the leased records.
    async fn lease(&self, limit: u64, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let leased = self.store.lease(limit, &(self.new_id)(), now, now.plus(LEASE)).await?;
        Ok(leased.into_iter().map(|record| record.id).collect())
    }

    /// Removes the result of a claim from the outbox.
    async fn clear(&self, claim: &Claim<Q>) {
        let _ = self.store.results_published(std::slice::from_ref(&claim.id), START).await;
    }
}

/// Returns the result of a claim on the request that `claim` was the first to claim.
fn acquired<Q>(claim: &Claim<Q>, is_new: bool) -> Claimed<Q> {
    Claimed::Acquired { id: claim.id.clone(), is_new, received_at: claim.at }
}

fn finished<Q: Question>(claim: &Claim<Q>, outcome: &Outcome, at: Timestamp) -> Record<Q> {
    let mut record = claim.pending_record();
    record.finish(outcome, at);
    record
}

/// A verdict for outcomes. Stores do not depend on the verdict's type.
struct Sample {
    is_positive: bool,
    evidence: Evidence,
}

impl Verdict for Sample {
    const NEGATIVE: &'static str = "the negative verdict";

    fn is_positive(&self) -> bool {
        self.is_positive
    }

    fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: Some("\"Ñandú ✓ 'quoted' \\\\\"".to_owned()) }
}

fn success() -> Outcome {
    Outcome::from_answer(&Ok(Sample { is_positive: true, evidence: evidence(200) }))
}

fn answers() -> [Result<Sample, RegistryError>; 5] {
    let retry_after = Duration::ZERO;
    [
        Ok(Sample { is_positive: true, evidence: evidence(200) }),
        Ok(Sample { is_positive: false, evidence: Evidence { status: 204, body: None } }),
        Err(RegistryError::Refused(evidence(400))),
        Err(RegistryError::UnexpectedResponse(evidence(302))),
        Err(RegistryError::Unavailable(NoVerdict { cause: Cause::Timeout, status: None, retry_after, attempts: 3 })),
    ]
}

/// Awaits all futures concurrently.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut outputs = Vec::new();
    poll_fn(move |context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(output) => {
                outputs.push(output);
                false
            }
            Poll::Pending => true,
        });
        if pending.is_empty() { Poll::Ready(std::mem::take(&mut outputs)) } else { Poll::Pending }
    })
    .await
}
