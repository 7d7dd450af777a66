//! The records in SQL. Every change is one statement, so that no reader sees half of a change.

use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{DocumentRecord, DocumentRequest, DocumentUrl};
use connectivity_domain::job::{Claim, Claimed, JobArchive, JobStore, MessageId, Outbox, Outcome, Status};
use connectivity_domain::page::Page;
use connectivity_domain::registry::StoreError;
use connectivity_domain::time::Timestamp;
use connectivity_domain::trace::TraceContext;
use connectivity_runtime::metrics;
use connectivity_storage::database::{Database, Row, Sql, Value};
use connectivity_storage::table::Table;
use std::sync::Arc;

/// The number of ids that one statement marks. Shorter lists repeat their last id.
const BATCH: usize = 50;

macro_rules! select {
    ($condition:literal) => {
        Sql {
            mysql: concat!(
                "SELECT id, message_id, document_id, id_citizen, url_document, document_title, status, ",
                "external_api_status_code, external_api_response, error_message, ",
                "DATE_FORMAT(received_at, '%Y-%m-%d %H:%i:%s.%f'), DATE_FORMAT(processed_at, '%Y-%m-%d %H:%i:%s.%f'), ",
                "DATE_FORMAT(event_published_at, '%Y-%m-%d %H:%i:%s.%f'), traceparent, tracestate, claim, ",
                "DATE_FORMAT(claimed_until, '%Y-%m-%d %H:%i:%s.%f') FROM document_authentications ",
                $condition
            ),
            sqlite: concat!(
                "SELECT id, message_id, document_id, id_citizen, url_document, document_title, status, ",
                "external_api_status_code, external_api_response, error_message, received_at, processed_at, ",
                "event_published_at, traceparent, tracestate, claim, claimed_until FROM document_authentications ",
                $condition
            ),
        }
    };
}

const BY_MESSAGE: Sql = select!("WHERE message_id = ?");
const BY_ID: Sql = select!("WHERE id = ?");
const BY_LEASE: Sql = select!("WHERE outbox_lease = ?");
const PAGE: Sql = select!("WHERE id_citizen = ? ORDER BY received_at DESC, id DESC LIMIT ? OFFSET ?");
const COUNT: Sql = Sql::same("SELECT COUNT(*) FROM document_authentications WHERE id_citizen = ?");

const INSERT: Sql = Sql::same(
    "INSERT INTO document_authentications
       (id, message_id, document_id, id_citizen, url_document, document_title, status, received_at, traceparent,
        tracestate, claim, claimed_until, outbox, outbox_due_at)
     VALUES (?, ?, ?, ?, ?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?)",
);

/// Takes over a claim that has expired.
const RECLAIM: Sql = Sql::same(
    "UPDATE document_authentications SET claim = ?, claimed_until = ?
     WHERE message_id = ? AND status = 'PENDING' AND claimed_until <= ?",
);

/// Finishes a request. Only the holder of the claim can do it, and only once.
const FINISH: Sql = Sql::same(
    "UPDATE document_authentications
     SET status = ?, auth_success = ?, external_api_status_code = ?, external_api_response = ?, error_message = ?,
         processed_at = ?, outbox = 'RESULT', outbox_due_at = ?, outbox_lease = NULL
     WHERE message_id = ? AND status = 'PENDING' AND claim = ?",
);

/// Finds out whether this claim has finished the request. Reads only the id, because it runs for
/// every document.
const FINISHED_BY: Sql =
    Sql::same("SELECT id FROM document_authentications WHERE message_id = ? AND claim = ? AND status <> 'PENDING'");

const RELEASE: Sql = Sql::same(
    "UPDATE document_authentications SET claimed_until = ? WHERE message_id = ? AND status = 'PENDING' AND claim = ?",
);

/// Finds out whether anything is due. It runs before `LEASE` because it takes no lock.
const DUE: Sql = Sql::same("SELECT id FROM document_authentications WHERE outbox_due_at <= ? LIMIT 1");

const LEASE: Sql = Sql {
    mysql: "UPDATE document_authentications SET outbox_lease = ?, outbox_due_at = ?
            WHERE outbox_due_at <= ? ORDER BY outbox_due_at LIMIT ?",
    sqlite: "UPDATE document_authentications SET outbox_lease = ?, outbox_due_at = ? WHERE id IN
               (SELECT id FROM document_authentications WHERE outbox_due_at <= ? ORDER BY outbox_due_at LIMIT ?)",
};

macro_rules! fifty {
    ($begin:literal) => {
        Sql::same(concat!(
            $begin,
            " AND id IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ",
            "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))
    };
}

const RESULTS_PUBLISHED: Sql = fifty!(
    "UPDATE document_authentications
     SET event_published_at = COALESCE(event_published_at, ?), outbox = NULL, outbox_due_at = NULL, outbox_lease = NULL
     WHERE outbox = 'RESULT'"
);

const REQUESTS_PUBLISHED: Sql = fifty!(
    "UPDATE document_authentications SET outbox = NULL, outbox_due_at = NULL, outbox_lease = NULL
     WHERE outbox = 'REQUEST'"
);

/// The table `document_authentications`.
pub(crate) struct Store {
    table: Table,
}

/// A row: the record and its claim.
struct Stored {
    record: DocumentRecord,
    claim: String,
    claimed_until: Timestamp,
}

impl Store {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { table: Table::new(database, "document_authentications") }
    }

    async fn by_message(&self, message_id: &MessageId) -> Result<Stored, StoreError> {
        self.table.read(BY_MESSAGE, vec![Value::text(message_id.as_str())], stored).await?.pop().ok_or(StoreError)
    }

    async fn insert(&self, claim: &Claim<DocumentRequest>) -> Result<bool, StoreError> {
        let (outbox, due) = match claim.request_due() {
            None => (Value::Null, Value::Null),
            Some(due) => (Value::text("REQUEST"), Value::time(due)),
        };
        let request = &claim.request;
        let parameters = vec![
            Value::text(&claim.id),
            Value::text(claim.message_id.as_str()),
            Value::optional(request.document_id.as_deref()),
            Value::text(request.citizen.as_str()),
            Value::text(request.url.as_str()),
            Value::text(&request.title),
            Value::time(claim.at),
            Value::optional(claim.trace.as_ref().map(|trace| trace.traceparent.as_str())),
            Value::optional(claim.trace.as_ref().and_then(|trace| trace.tracestate.as_deref())),
            Value::text(&claim.token),
            Value::time(claim.until),
            outbox,
            due,
        ];
        self.table.insert(INSERT, parameters).await
    }

    async fn mark(&self, sql: Sql, first: Option<Value>, ids: &[String]) -> Result<(), StoreError> {
        for batch in ids.chunks(BATCH) {
            let padded = (0..BATCH).filter_map(|index| batch.get(index).or(batch.last()));
            let parameters = first.iter().cloned().chain(padded.map(|id| Value::text(id))).collect();
            self.table.run(sql, parameters).await?;
        }
        Ok(())
    }
}

impl JobStore<DocumentRequest> for Store {
    async fn claim(&self, claim: &Claim<DocumentRequest>) -> Result<Claimed<DocumentRequest>, StoreError> {
        if self.insert(claim).await? {
            return Ok(Claimed::Acquired { id: claim.id.clone(), is_new: true });
        }
        let found = self.by_message(&claim.message_id).await?;
        if found.record.request != claim.request {
            return Ok(Claimed::MessageIdReused);
        }
        let found = if found.record.status.is_final() || found.claimed_until > claim.at {
            found
        } else {
            let (token, until) = (Value::text(&claim.token), Value::time(claim.until));
            self.table
                .run(RECLAIM, vec![token, until, Value::text(claim.message_id.as_str()), Value::time(claim.at)])
                .await?;
            self.by_message(&claim.message_id).await?
        };
        Ok(if found.record.status.is_final() {
            Claimed::Finished(Box::new(found.record))
        } else if found.claim == claim.token {
            Claimed::Acquired { id: found.record.id, is_new: false }
        } else {
            Claimed::InProgress(found.claimed_until.since(claim.at))
        })
    }

    async fn finish(
        &self,
        claim: &Claim<DocumentRequest>,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<DocumentRecord, StoreError> {
        let truth = outcome.status().verdict().map_or(Value::Null, |truth| Value::Integer(i64::from(truth)));
        let parameters = vec![
            Value::text(outcome.status().as_str()),
            truth,
            outcome.status_code().map_or(Value::Null, |status| Value::Integer(i64::from(status))),
            Value::optional(outcome.response()),
            Value::optional(outcome.message()),
            Value::time(at),
            Value::time(claim.result_due(at)),
            Value::text(claim.message_id.as_str()),
            Value::text(&claim.token),
        ];
        self.table.run(FINISH, parameters).await?;
        let key = vec![Value::text(claim.message_id.as_str()), Value::text(&claim.token)];
        let finished = self.table.run(FINISHED_BY, key).await?;
        if !finished.is_empty() {
            metrics::count(&metrics::DOCUMENTS, &[outcome.status().as_str()]);
        }
        // If this claim has inserted the row too, the record is known without reading it.
        if finished.first().is_some_and(|row| *row == [Value::text(&claim.id)]) {
            let mut record = claim.pending_record();
            record.finish(outcome, at);
            return Ok(record);
        }
        self.by_message(&claim.message_id).await.map(|found| found.record)
    }

    async fn release(&self, claim: &Claim<DocumentRequest>, at: Timestamp) -> Result<(), StoreError> {
        self.table
            .run(RELEASE, vec![Value::time(at), Value::text(claim.message_id.as_str()), Value::text(&claim.token)])
            .await?;
        Ok(())
    }
}

impl JobArchive<DocumentRequest> for Store {
    async fn find(&self, id: &str) -> Result<Option<DocumentRecord>, StoreError> {
        Ok(self.table.read(BY_ID, vec![Value::text(id)], stored).await?.pop().map(|found| found.record))
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<DocumentRecord>), StoreError> {
        let (count, found) = self.table.page(COUNT, PAGE, citizen.as_str(), page, stored).await?;
        Ok((count, found.into_iter().map(|found| found.record).collect()))
    }
}

impl Outbox<DocumentRequest> for Store {
    async fn lease(
        &self,
        limit: u64,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<DocumentRecord>, StoreError> {
        if self.table.run(DUE, vec![Value::time(now)]).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.table
            .run(LEASE, vec![Value::text(lease), Value::time(until), Value::time(now), Value::number(limit)])
            .await?;
        let found = self.table.read(BY_LEASE, vec![Value::text(lease)], stored).await?;
        Ok(found.into_iter().map(|found| found.record).collect())
    }

    async fn results_published(&self, ids: &[String], at: Timestamp) -> Result<(), StoreError> {
        self.mark(RESULTS_PUBLISHED, Some(Value::time(at)), ids).await
    }

    async fn requests_published(&self, ids: &[String]) -> Result<(), StoreError> {
        self.mark(REQUESTS_PUBLISHED, None, ids).await
    }
}

fn stored(row: Row) -> Option<Stored> {
    let [
        id,
        message_id,
        document_id,
        citizen,
        url,
        title,
        status,
        code,
        response,
        error,
        received,
        processed,
        published,
        parent,
        state,
        claim,
        until,
    ] = <[Value; 17]>::try_from(row).ok()?;
    let request = DocumentRequest {
        citizen: CitizenId::parse(&citizen.into_text()?).ok()?,
        url: DocumentUrl::parse(&url.into_text()?).ok()?,
        title: title.into_text()?,
        document_id: document_id.into_text(),
    };
    let status_code = match code {
        Value::Integer(code) => Some(u16::try_from(code).ok()?),
        Value::Null | Value::Text(_) => None,
    };
    let record = DocumentRecord {
        id: id.into_text()?,
        message_id: MessageId::known(&message_id.into_text()?)?,
        request,
        status: Status::parse(&status.into_text()?)?,
        status_code,
        response: response.into_text(),
        error_message: error.into_text(),
        received_at: received.into_time()?,
        processed_at: processed.into_time(),
        event_published_at: published.into_time(),
        trace: parent.into_text().and_then(|parent| TraceContext::parse(&parent, state.into_text().as_deref())),
    };
    Some(Stored { record, claim: claim.into_text()?, claimed_until: until.into_time()? })
}
