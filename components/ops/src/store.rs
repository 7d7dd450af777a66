//! A look at the records in SQL.

use crate::metrics::Depth;
use connectivity_domain::time::Timestamp;
use connectivity_kit::database::{Database, Sql, Value};
use std::time::Duration;

/// Reads next to nothing, and fails where the schema is missing.
const LOOK: Sql = Sql::same("SELECT id FROM affiliation_checks LIMIT 1");

/// Results that are not known to be published, and requests whose time to be published has come: a request over HTTP that
/// is in work is neither. `outbox_due_at` is NULL in all other rows, and indexed.
///
/// Of the first ten thousand: whether there are more makes no difference to whoever has to act, but to the database.
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

/// Can records be read?
pub(crate) async fn answers(database: &Database) -> bool {
    database.run(LOOK, Vec::new()).await.is_ok()
}

/// What waits to be published.
pub(crate) async fn outbox(database: &Database, now: Timestamp) -> Option<Depth> {
    let row = database.run(OUTBOX, vec![Value::time(now)]).await.ok()?.pop()?;
    let [Value::Integer(events), oldest] = <[Value; 2]>::try_from(row).ok()? else { return None };
    let oldest = oldest.into_time().map_or(Duration::ZERO, |oldest| now.since(oldest));
    Some(Depth { events: u64::try_from(events).ok()?, oldest })
}
