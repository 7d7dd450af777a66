//! Several claims and several outcomes in one call.

use super::{LEASE, START, Suite, acquired, answers, finished, success};
use crate::job::claim::Claim;
use crate::job::outcome::{Outcome, Status};
use crate::job::ports::{Claimed, JobArchive, JobStore, MAX_TOGETHER, Outbox};
use crate::job::record::Question;
use crate::registry::StoreError;
use std::time::Duration;

impl<Q: Question, S: JobStore<Q> + JobArchive<Q> + Outbox<Q>, F, I> Suite<'_, S, F, I>
where
    F: Fn(u32) -> Q + Send + Sync,
    I: Fn() -> String + Send + Sync,
    S: Send + Sync,
{
    pub(super) async fn claims_together(&mut self) {
        let none = self.store.claim_all(&[]).await;
        self.expect("no claims have no results", &none, &Vec::new());
        let claims = self.claims_on_new_requests(MAX_TOGETHER);
        let found = self.store.claim_all(&references(&claims)).await;
        let expected: Vec<_> = claims.iter().map(|claim| Ok(acquired(claim, true))).collect();
        self.expect("new requests are acquired together", &found, &expected);
        let mut records = Vec::new();
        for claim in &claims {
            records.push(self.store.find(&claim.id).await);
        }
        let expected: Vec<_> = claims.iter().map(|claim| Ok(Some(claim.pending_record()))).collect();
        self.expect("requests that are acquired together have their records", &records, &expected);

        let finished: Claim<Q> = self.claim(40, START);
        let _ = self.store.claim(&finished).await;
        let record = self.store.finish(&finished, &success(), START).await;
        let (new, expired) = (self.claim(41, START.plus(LEASE)), &claims[0]);
        let in_progress = self.claim(42, START.plus(LEASE));
        let _ = self.store.claim(&in_progress).await;
        let again = |claim| self.another(claim, START.plus(LEASE));
        let reused = Claim { request: (self.question)(43), ..again(&finished) };
        let claims = [again(expired), new.clone(), again(&new), again(&finished), again(&in_progress), reused];
        let found = self.store.claim_all(&references(&claims)).await;
        let expected = vec![
            Ok(acquired(expired, false)),
            Ok(acquired(&new, true)),
            Ok(Claimed::InProgress(LEASE)),
            record.map(|record| Claimed::Finished(Box::new(record))),
            Ok(Claimed::InProgress(LEASE)),
            Ok(Claimed::MessageIdReused),
        ];
        self.expect("of claims that are made together each has its own result", &found, &expected);
        self.clear(&finished).await;
    }

    pub(super) async fn outcomes_together(&mut self) {
        let none = self.store.finish_all(&[], START).await;
        self.expect("no outcomes have no results", &none, &Vec::new());
        let claims = self.claims_on_new_requests(answers().len());
        let _ = self.store.claim_all(&references(&claims)).await;
        let at = START.plus(Duration::from_millis(1));
        let outcomes: Vec<_> = claims.iter().zip(answers().iter().map(Outcome::from_answer)).collect();
        let found = self.store.finish_all(&outcomes, at).await;
        let expected: Vec<_> = outcomes.iter().map(|(claim, outcome)| Ok(finished(claim, outcome, at))).collect();
        self.expect("outcomes are recorded together", &found, &expected);
        let mut records = Vec::new();
        for claim in &claims {
            records.push(self.store.find(&claim.id).await.and_then(|found| found.ok_or(StoreError)));
        }
        self.expect("each outcome is recorded with its request", &records, &expected);
        let again: Vec<_> = claims.iter().map(|claim| (claim, success())).collect();
        let found = self.store.finish_all(&again, at.plus(LEASE)).await;
        self.expect("jobs that were finished together are finished once", &found, &expected);
        let due = claims[0].result_due(at);
        let leased = self.lease(100, due).await.map(|ids| claims.iter().filter(|it| ids.contains(&it.id)).count());
        self.expect("results of outcomes that were recorded together are in the outbox", &leased, &Ok(claims.len()));
        for claim in &claims {
            self.clear(claim).await;
        }

        let claims = self.claims_on_new_requests(3);
        let _ = self.store.claim_all(&references(&claims)).await;
        let (late, other) = (START.plus(LEASE), self.another(&claims[1], START.plus(LEASE)));
        let reclaimed = self.another(&claims[2], late);
        let _ = self.store.claim_all(&[&other, &reclaimed]).await;
        let outcomes = [(&claims[0], success()), (&claims[1], success()), (&reclaimed, success())];
        let found = self.store.finish_all(&outcomes, late).await;
        let found: Vec<_> = found.into_iter().map(|record| record.map(|it| (it.id, it.status))).collect();
        let expected = [(0, Status::Success), (1, Status::Pending), (2, Status::Success)];
        let expected: Vec<_> = expected.map(|(index, status)| Ok((claims[index].id.clone(), status))).into();
        self.expect("of outcomes that are written together each needs its claim", &found, &expected);
        let _ = self.store.finish(&other, &success(), late).await;
        for claim in &claims {
            self.clear(claim).await;
        }
    }

    /// Returns claims on new requests, each about another citizen and in no order of their ids.
    fn claims_on_new_requests(&self, count: usize) -> Vec<Claim<Q>> {
        (50..).take(count).map(|number| self.claim(number, START)).collect()
    }
}

fn references<Q>(claims: &[Claim<Q>]) -> Vec<&Claim<Q>> {
    claims.iter().collect()
}
