//! The records of a job in SQL. One implementation serves the tables of all jobs.
//!
//! Every change is one statement, so that no reader sees half of a change.

mod row;
mod statements;
mod together;

pub use row::JobTable;
pub use statements::JobStatements;

use crate::audit::SqlAuditLog;
use crate::database::{Database, Row, Sql, Value};
use crate::table::Table;
use connectivity_domain::audit::{Access, AuditLog, Entry};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::holdings::Holdings;
use connectivity_domain::job::{
    Claim, Claimed, JobArchive, JobStore, MessageId, Outbox, Outcome, Question, Record, Waiting,
};
use connectivity_domain::page::Page;
use connectivity_domain::registry::StoreError;
use connectivity_domain::time::Timestamp;
use futures_util::future::join_all;
use row::Stored;
use statements::MARKED;
use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;
use together::Together;

/// The store of the job whose table is `T`.
pub struct SqlJobStore<T> {
    table: Table,
    audit: SqlAuditLog,
    together: Together,
    job: PhantomData<fn() -> T>,
}

impl<T: JobTable> SqlJobStore<T> {
    /// Creates the store.
    pub fn new(database: Arc<Database>) -> Self {
        let audit = SqlAuditLog::new(Arc::clone(&database));
        Self {
            table: Table::new(database, T::STATEMENTS.table),
            audit,
            together: Together::default(),
            job: PhantomData,
        }
    }

    async fn read(&self, sql: Sql, parameters: Vec<Value>) -> Result<Vec<Stored<T::Question>>, StoreError> {
        self.table.read(sql, parameters, row::stored::<T>).await
    }

    async fn by_message(&self, message_id: &MessageId) -> Result<Stored<T::Question>, StoreError> {
        let found = self.read(T::STATEMENTS.by_message, vec![Value::text(message_id.key())]).await?;
        found.into_iter().next().ok_or(StoreError)
    }

    /// Inserts the records of requests that are new, and returns the tokens of the claims that did it.
    /// The other requests have a record already, or the database refuses one of the rows.
    async fn insert_all(&self, claims: &[&Claim<T::Question>]) -> Result<HashSet<String>, StoreError> {
        if claims.len() < 2 {
            return Ok(HashSet::new());
        }
        let statements = self.together.of_rows(&T::STATEMENTS, claims.len());
        // Statements that lock rows in one order do not wait for each other in a circle.
        let mut claims = claims.to_vec();
        claims.sort_by_key(|claim| claim.message_id.key());
        if self.table.run_all(statements.insert, statements.inserted::<T>(&claims)).await?.is_none() {
            return Ok(HashSet::new());
        }
        let tokens = self.table.run(statements.claims, statements.keys(&claims)).await?;
        Ok(tokens.into_iter().flatten().filter_map(Value::into_text).collect())
    }

    /// Writes the outcomes of jobs whose claims are held, and returns the ids of the records and the
    /// tokens of their claims.
    async fn update_all(
        &self,
        outcomes: &[(&Claim<T::Question>, Outcome)],
        at: Timestamp,
    ) -> Result<HashSet<Row>, StoreError> {
        if outcomes.len() < 2 {
            return Ok(HashSet::new());
        }
        let statements = self.together.of_rows(&T::STATEMENTS, outcomes.len());
        let mut outcomes: Vec<_> = outcomes.iter().collect();
        outcomes.sort_by_key(|(claim, _)| claim.message_id.key());
        if self.table.run_all(statements.finish, statements.finished(&outcomes, at)).await?.is_none() {
            return Ok(HashSet::new());
        }
        let finished = self.table.run(statements.finished_by, statements.finished_by(&outcomes, at)).await?;
        Ok(finished.into_iter().collect())
    }

    async fn mark(&self, sql: Sql, at: Timestamp, ids: &[String]) -> Result<(), StoreError> {
        for batch in ids.chunks(MARKED) {
            // A shorter list repeats its last id.
            let padded = (0..MARKED).filter_map(|index| batch.get(index).or(batch.last()));
            let parameters = [Value::time(at)].into_iter().chain(padded.map(|id| Value::text(id))).collect();
            self.table.run(sql, parameters).await?;
        }
        Ok(())
    }
}

/// Returns the record of a request that this claim has created and finished.
fn finished_record<Q: Question>(claim: &Claim<Q>, outcome: &Outcome, at: Timestamp) -> Record<Q> {
    let mut record = claim.pending_record();
    record.finish(outcome, at);
    record
}

/// The parameters that find the row of a claim.
fn holder<Q>(claim: &Claim<Q>) -> [Value; 2] {
    [Value::text(claim.message_id.key()), Value::text(&claim.token)]
}

impl<T: JobTable> JobStore<T::Question> for SqlJobStore<T> {
    async fn claim(&self, claim: &Claim<T::Question>) -> Result<Claimed<T::Question>, StoreError> {
        if self.table.insert(T::STATEMENTS.insert, row::inserted::<T>(claim)).await? {
            return Ok(Claimed::Acquired { id: claim.id.clone(), is_new: true, received_at: claim.at });
        }
        let found = self.by_message(&claim.message_id).await?;
        if found.record.request != claim.request {
            return Ok(Claimed::MessageIdReused);
        }
        let found = if found.record.status.is_final() || found.claimed_until > claim.at {
            found
        } else {
            let [key, token] = holder(claim);
            let [until, due, at] = [claim.until, claim.enqueue_at, claim.at].map(Value::time);
            let parameters = vec![token, until, due.clone(), due, key, at];
            self.table.run(T::STATEMENTS.reclaim, parameters).await?;
            self.by_message(&claim.message_id).await?
        };
        Ok(if found.record.status.is_final() {
            Claimed::Finished(Box::new(found.record))
        } else if found.claim == claim.token {
            let Record { id, received_at, .. } = found.record;
            Claimed::Acquired { id, is_new: false, received_at }
        } else {
            Claimed::InProgress(found.claimed_until.since(claim.at))
        })
    }

    async fn finish(
        &self,
        claim: &Claim<T::Question>,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<Record<T::Question>, StoreError> {
        let parameters = row::finished(outcome, at, claim.result_due(at)).into_iter().chain(holder(claim)).collect();
        self.table.run(T::STATEMENTS.finish, parameters).await?;
        let parameters = holder(claim).into_iter().chain([Value::time(at)]).collect();
        let finished = self.table.run(T::STATEMENTS.finished_by, parameters).await?;
        if !finished.is_empty() {
            T::count(outcome.status());
        }
        // If this claim has inserted the row too, the record is known without reading it.
        if finished.first().is_some_and(|row| *row == [Value::text(&claim.id)]) {
            return Ok(finished_record(claim, outcome, at));
        }
        Ok(self.by_message(&claim.message_id).await?.record)
    }

    async fn claim_all(&self, claims: &[&Claim<T::Question>]) -> Vec<Result<Claimed<T::Question>, StoreError>> {
        let new = match self.insert_all(claims).await {
            Ok(new) => new,
            Err(error) => return claims.iter().map(|_| Err(error)).collect(),
        };
        let claimed = claims.iter().map(async |claim| {
            if new.contains(&claim.token) {
                return Ok(Claimed::Acquired { id: claim.id.clone(), is_new: true, received_at: claim.at });
            }
            self.claim(claim).await
        });
        join_all(claimed).await
    }

    async fn finish_all(
        &self,
        outcomes: &[(&Claim<T::Question>, Outcome)],
        at: Timestamp,
    ) -> Vec<Result<Record<T::Question>, StoreError>> {
        let written = match self.update_all(outcomes, at).await {
            Ok(written) => written,
            Err(error) => return outcomes.iter().map(|_| Err(error)).collect(),
        };
        let records = outcomes.iter().map(async |(claim, outcome)| {
            if written.contains(&vec![Value::text(&claim.id), Value::text(&claim.token)]) {
                T::count(outcome.status());
                return Ok(finished_record(claim, outcome, at));
            }
            self.finish(claim, outcome, at).await
        });
        join_all(records).await
    }

    async fn release(&self, claim: &Claim<T::Question>, at: Timestamp) -> Result<(), StoreError> {
        let parameters = [Value::time(at)].into_iter().chain(holder(claim)).collect();
        self.table.run(T::STATEMENTS.release, parameters).await?;
        Ok(())
    }
}

impl<T: JobTable> JobArchive<T::Question> for SqlJobStore<T> {
    async fn find(&self, id: &str) -> Result<Option<Record<T::Question>>, StoreError> {
        let found = self.read(T::STATEMENTS.by_id, vec![Value::text(id)]).await?;
        Ok(found.into_iter().next().map(|found| found.record))
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<Record<T::Question>>), StoreError> {
        let (count, rows) = (T::STATEMENTS.count, T::STATEMENTS.page);
        let (count, found) = self.table.page(count, rows, citizen.as_str(), page, row::stored::<T>).await?;
        Ok((count, found.into_iter().map(|found| found.record).collect()))
    }
}

impl<T: JobTable> Holdings for SqlJobStore<T> {
    type Record = Record<T::Question>;

    async fn held(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<Record<T::Question>>), StoreError> {
        self.history(citizen, page).await
    }

    async fn is_in_progress(&self, citizen: &CitizenId) -> Result<bool, StoreError> {
        Ok(self.table.count(T::STATEMENTS.in_progress, citizen.as_str()).await? > 0)
    }

    async fn erase(&self, citizen: &CitizenId) -> Result<u64, StoreError> {
        let erased = self.table.count(T::STATEMENTS.count, citizen.as_str()).await?;
        self.table.run(T::STATEMENTS.erase, vec![Value::text(citizen.as_str())]).await?;
        Ok(erased)
    }
}

impl<T: JobTable> AuditLog for SqlJobStore<T> {
    async fn note(&self, entry: &Entry) -> Result<(), StoreError> {
        self.audit.note(entry).await
    }

    async fn accesses(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<Access>), StoreError> {
        self.audit.accesses(citizen, page).await
    }

    async fn forget(&self, citizen: &CitizenId, digest: &str) -> Result<(), StoreError> {
        self.audit.forget(citizen, digest).await
    }
}

impl<T: JobTable> Outbox<T::Question> for SqlJobStore<T> {
    async fn lease(
        &self,
        limit: u64,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Record<T::Question>>, StoreError> {
        if self.table.run(T::STATEMENTS.due, vec![Value::time(now)]).await?.is_empty() {
            return Ok(Vec::new());
        }
        let parameters = vec![Value::text(lease), Value::time(until), Value::time(now), Value::number(limit)];
        self.table.run(T::STATEMENTS.lease, parameters).await?;
        let found = self.read(T::STATEMENTS.by_lease, vec![Value::text(lease)]).await?;
        Ok(found.into_iter().map(|found| found.record).collect())
    }

    async fn waiting(&self) -> Result<Waiting, StoreError> {
        let row = self.table.run(T::STATEMENTS.waiting, Vec::new()).await?.pop().ok_or(StoreError)?;
        let [pending, unpublished] = <[Value; 2]>::try_from(row).map_err(|_| StoreError)?;
        Ok(Waiting { pending_since: pending.into_time(), unpublished_since: unpublished.into_time() })
    }

    async fn results_published(&self, ids: &[String], at: Timestamp) -> Result<(), StoreError> {
        self.mark(T::STATEMENTS.results_published, at, ids).await
    }

    async fn requests_published(&self, ids: &[String], again: Timestamp) -> Result<(), StoreError> {
        self.mark(T::STATEMENTS.requests_published, again, ids).await
    }
}
