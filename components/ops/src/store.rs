//! The queries behind the health checks.

use crate::metrics::OutboxDepth;
use connectivity_domain::time::Timestamp;
use connectivity_storage::database::{Database, DatabaseError, Sql, Value};
use std::time::Duration;

/// Writes one row, always the same.
const WRITE: Sql = Sql {
    mysql: "INSERT INTO write_probe (id, written_at) VALUES (1, ?) ON DUPLICATE KEY UPDATE written_at = VALUES(written_at)",
    sqlite: "INSERT INTO write_probe (id, written_at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET written_at = excluded.written_at",
};

/// Reads at most one row.
const READ: Sql = Sql::same("SELECT id FROM affiliation_checks LIMIT 1");

/// Counts results that are not marked as published, and requests that are due to be published. A
/// request that is in progress is neither. `outbox_due_at` is indexed, and NULL in all rows with a
/// published result.
///
/// Counts at most ten thousand rows: a larger number would cost the database more and would tell an
/// operator nothing new.
const OUTBOX: Sql = Sql {
    mysql: "SELECT COUNT(*), DATE_FORMAT(MIN(since), '%Y-%m-%d %H:%i:%s.%f') FROM
              (SELECT COALESCE(processed_at, received_at) AS since FROM document_authentications
               WHERE outbox_due_at IS NOT NULL AND (outbox = 'RESULT' OR outbox_due_at <= ?)
               ORDER BY outbox_due_at LIMIT 10000) AS waiting",
    sqlite: "SELECT COUNT(*), MIN(since) FROM
               (SELECT COALESCE(processed_at, received_at) AS since FROM document_authentications
                WHERE outbox_due_at IS NOT NULL AND (outbox = 'RESULT' OR outbox_due_at <= ?)
                ORDER BY outbox_due_at LIMIT 10000) AS waiting",
};

/// Fails if nothing can be written.
pub(crate) async fn write(database: &Database, now: Timestamp) -> Result<(), DatabaseError> {
    database.run(WRITE, vec![Value::time(now)]).await.map(|_| ())
}

/// Fails if records cannot be read.
pub(crate) async fn read(database: &Database) -> Result<(), DatabaseError> {
    database.run(READ, Vec::new()).await.map(|_| ())
}

/// Returns the events that wait to be published, or `None` if the database does not respond.
pub(crate) async fn outbox(database: &Database, now: Timestamp) -> Option<OutboxDepth> {
    let row = database.run(OUTBOX, vec![Value::time(now)]).await.ok()?.pop()?;
    let [Value::Integer(events), oldest] = <[Value; 2]>::try_from(row).ok()? else { return None };
    let oldest = oldest.into_time().map_or(Duration::ZERO, |oldest| now.since(oldest));
    Some(OutboxDepth { events: u64::try_from(events).ok()?, oldest })
}
