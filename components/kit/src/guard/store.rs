//! The revoked sessions in SQL: the truth, of which the cache has a copy.

use crate::cache::Revocation;
use crate::database::{Database, DatabaseError, Row, Sql, Value};
use connectivity_domain::time::Timestamp;

const IS_REVOKED: Sql = Sql::same("SELECT id FROM sessions WHERE id = ? AND revoked_at IS NOT NULL");

/// A session that has expired needs no revocation: none of its tokens holds any more.
const REVOKED: Sql = Sql {
    mysql: "SELECT id, DATE_FORMAT(expires_at, '%Y-%m-%d %H:%i:%s.%f') FROM sessions
            WHERE revoked_at IS NOT NULL AND expires_at > ? LIMIT ?",
    sqlite: "SELECT id, expires_at FROM sessions WHERE revoked_at IS NOT NULL AND expires_at > ? LIMIT ?",
};

/// Has this session been revoked?
pub(super) async fn is_revoked(database: &Database, session: &str) -> Result<bool, DatabaseError> {
    let rows = database.run(IS_REVOKED, vec![Value::Text(session.to_owned())]).await?;
    Ok(!rows.is_empty())
}

/// The revocations that still matter after `since`, at most `limit` of them.
pub(super) async fn revoked(
    database: &Database,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<Revocation>, DatabaseError> {
    let limit = Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = database.run(REVOKED, vec![Value::Text(since.to_sql()), limit]).await?;
    let revocations: Option<Vec<_>> = rows.into_iter().map(revocation).collect();
    revocations.ok_or_else(|| DatabaseError::Refused("a row of sessions cannot be read".into()))
}

fn revocation(row: Row) -> Option<Revocation> {
    let [Value::Text(session), Value::Text(until)] = <[Value; 2]>::try_from(row).ok()? else {
        return None;
    };
    Some(Revocation { session, until: Timestamp::parse_sql(&until)? })
}
