//! The records in SQL. Every change is one statement, so there is no moment at which half of one is true.

use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{
    Claim, Claimed, DocumentArchive, DocumentRecord, DocumentRequest, DocumentStatus, DocumentStore, DocumentUrl,
    MessageId, Origin, Outbox, Outcome,
};
use connectivity_domain::page::Page;
use connectivity_domain::registry::StoreError;
use connectivity_domain::time::Timestamp;
use connectivity_domain::trace::TraceContext;
use connectivity_kit::database::{Database, DatabaseError, Row, Sql, Value};
use connectivity_kit::log::{self, Level};
use connectivity_kit::metrics;
use std::sync::Arc;
use std::time::Duration;

/// How long the one who got the answer has to publish the result before somebody else does.
const FAST_PATH: Duration = Duration::from_secs(15);

/// How many ids one statement marks; shorter lists repeat their last one.
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

/// Takes over a claim that is void.
const RECLAIM: Sql = Sql::same(
    "UPDATE document_authentications SET claim = ?, claimed_until = ?
     WHERE message_id = ? AND status = 'PENDING' AND claimed_until <= ?",
);

/// Only the one whose claim it is can finish it, and only once.
const FINISH: Sql = Sql::same(
    "UPDATE document_authentications
     SET status = ?, auth_success = ?, external_api_status_code = ?, external_api_response = ?, error_message = ?,
         processed_at = ?, outbox = 'RESULT', outbox_due_at = ?, outbox_lease = NULL
     WHERE message_id = ? AND status = 'PENDING' AND claim = ?",
);

/// Was it this claim that finished it? Few bytes, because it is asked for every document.
const FINISHED_BY: Sql =
    Sql::same("SELECT id FROM document_authentications WHERE message_id = ? AND claim = ? AND status <> 'PENDING'");

const RELEASE: Sql = Sql::same(
    "UPDATE document_authentications SET claimed_until = ? WHERE message_id = ? AND status = 'PENDING' AND claim = ?",
);

/// Is there anything? Asked first, because it takes no lock.
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
    database: Arc<Database>,
}

/// A row: the record, and whose it is.
struct Stored {
    record: DocumentRecord,
    claim: String,
    claimed_until: Timestamp,
}

impl Store {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    async fn run(&self, sql: Sql, parameters: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        // What went wrong is logged by the database.
        self.database.run(sql, parameters).await.map_err(|error| match error {
            DatabaseError::Unavailable(_) | DatabaseError::Duplicate | DatabaseError::Refused(_) => StoreError,
        })
    }

    async fn records(&self, sql: Sql, parameters: Vec<Value>) -> Result<Vec<Stored>, StoreError> {
        let rows: Option<Vec<_>> = self.run(sql, parameters).await?.into_iter().map(stored).collect();
        rows.ok_or_else(|| {
            log::line(Level::Error, "a row of document_authentications cannot be read", &[]);
            StoreError
        })
    }

    async fn by_message(&self, message_id: &MessageId) -> Result<Stored, StoreError> {
        self.records(BY_MESSAGE, vec![Value::text(message_id.as_str())]).await?.pop().ok_or(StoreError)
    }

    async fn insert(&self, claim: &Claim) -> Result<bool, StoreError> {
        let (outbox, due) = match claim.origin {
            Origin::Queue => (Value::Null, Value::Null),
            Origin::Http { hand_over } => (Value::text("REQUEST"), Value::time(hand_over)),
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
        match self.database.run(INSERT, parameters).await {
            Ok(_) => Ok(true),
            Err(DatabaseError::Duplicate) => Ok(false),
            Err(DatabaseError::Unavailable(_) | DatabaseError::Refused(_)) => Err(StoreError),
        }
    }

    async fn mark(&self, sql: Sql, first: Option<Value>, ids: &[String]) -> Result<(), StoreError> {
        for batch in ids.chunks(BATCH) {
            let padded = (0..BATCH).filter_map(|index| batch.get(index).or(batch.last()));
            let parameters = first.iter().cloned().chain(padded.map(|id| Value::text(id))).collect();
            self.run(sql, parameters).await?;
        }
        Ok(())
    }
}

impl DocumentStore for Store {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        if self.insert(claim).await? {
            return Ok(Claimed::Mine(claim.id.clone()));
        }
        let found = self.by_message(&claim.message_id).await?;
        if found.record.request != claim.request {
            return Ok(Claimed::Different);
        }
        let found = if found.record.status.is_final() || found.claimed_until > claim.at {
            found
        } else {
            let (token, until) = (Value::text(&claim.token), Value::time(claim.until));
            self.run(RECLAIM, vec![token, until, Value::text(claim.message_id.as_str()), Value::time(claim.at)])
                .await?;
            self.by_message(&claim.message_id).await?
        };
        Ok(if found.record.status.is_final() {
            Claimed::Finished(Box::new(found.record))
        } else if found.claim == claim.token {
            Claimed::Mine(found.record.id)
        } else {
            Claimed::InProgress(found.claimed_until.since(claim.at))
        })
    }

    async fn finish(&self, claim: &Claim, outcome: &Outcome, at: Timestamp) -> Result<DocumentRecord, StoreError> {
        let due = match claim.origin {
            Origin::Queue => at.plus(FAST_PATH),
            // Nobody else knows of it.
            Origin::Http { .. } => at,
        };
        let truth = outcome.status().auth_success().map_or(Value::Null, |truth| Value::Integer(i64::from(truth)));
        let parameters = vec![
            Value::text(outcome.status().as_str()),
            truth,
            outcome.status_code().map_or(Value::Null, |status| Value::Integer(i64::from(status))),
            Value::optional(outcome.response()),
            Value::optional(outcome.message()),
            Value::time(at),
            Value::time(due),
            Value::text(claim.message_id.as_str()),
            Value::text(&claim.token),
        ];
        self.run(FINISH, parameters).await?;
        let key = vec![Value::text(claim.message_id.as_str()), Value::text(&claim.token)];
        let finished = self.run(FINISHED_BY, key).await?;
        if !finished.is_empty() {
            metrics::count(&metrics::DOCUMENTS, &[outcome.status().as_str()]);
        }
        // What this claim both inserted and finished is known without reading it back.
        if finished.first().is_some_and(|row| *row == [Value::text(&claim.id)]) {
            let mut record = DocumentRecord::pending(claim);
            record.finish(outcome, at);
            return Ok(record);
        }
        self.by_message(&claim.message_id).await.map(|found| found.record)
    }

    async fn release(&self, claim: &Claim, at: Timestamp) -> Result<(), StoreError> {
        self.run(RELEASE, vec![Value::time(at), Value::text(claim.message_id.as_str()), Value::text(&claim.token)])
            .await
            .map(|_| ())
    }
}

impl DocumentArchive for Store {
    async fn find(&self, id: &str) -> Result<Option<DocumentRecord>, StoreError> {
        Ok(self.records(BY_ID, vec![Value::text(id)]).await?.pop().map(|found| found.record))
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<DocumentRecord>), StoreError> {
        let citizen = Value::text(citizen.as_str());
        let count = self.run(COUNT, vec![citizen.clone()]).await?;
        let Some([Value::Integer(count)]) = count.first().map(Vec::as_slice) else { return Err(StoreError) };
        let found = self.records(PAGE, vec![citizen, Value::number(page.size()), Value::number(page.offset())]).await?;
        Ok((u64::try_from(*count).unwrap_or_default(), found.into_iter().map(|found| found.record).collect()))
    }
}

impl Outbox for Store {
    async fn lease(
        &self,
        limit: u64,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<DocumentRecord>, StoreError> {
        if self.run(DUE, vec![Value::time(now)]).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.run(LEASE, vec![Value::text(lease), Value::time(until), Value::time(now), Value::number(limit)]).await?;
        let found = self.records(BY_LEASE, vec![Value::text(lease)]).await?;
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
        status: DocumentStatus::parse(&status.into_text()?)?,
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
