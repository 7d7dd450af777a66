//! The revoked sessions in SQL.

use connectivity_domain::time::Timestamp;
use connectivity_storage::cache::Revocation;
use connectivity_storage::database::{Database, DatabaseError, Row, Sql, Value};

const IS_REVOKED: Sql = Sql::same("SELECT id FROM sessions WHERE id = ? AND revoked_at IS NOT NULL");

/// Expired sessions are left out, because all their tokens have expired too.
const REVOKED: Sql = Sql {
    mysql: "SELECT id, DATE_FORMAT(expires_at, '%Y-%m-%d %H:%i:%s.%f') FROM sessions
            WHERE revoked_at IS NOT NULL AND expires_at > ? LIMIT ?",
    sqlite: "SELECT id, expires_at FROM sessions WHERE revoked_at IS NOT NULL AND expires_at > ? LIMIT ?",
};

/// Returns whether a session is revoked.
pub(super) async fn is_revoked(database: &Database, session: &str) -> Result<bool, DatabaseError> {
    let rows = database.run(IS_REVOKED, vec![Value::text(session)]).await?;
    Ok(!rows.is_empty())
}

/// Returns the revocations that still matter, at most `limit` of them.
pub(super) async fn revocations(
    database: &Database,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Revocation>, DatabaseError> {
    let since = now.minus(Revocation::LEEWAY);
    let limit = Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = database.run(REVOKED, vec![Value::time(since), limit]).await?;
    let revocations: Option<Vec<_>> = rows.into_iter().map(revocation).collect();
    revocations.ok_or_else(|| DatabaseError::Refused("a row of sessions cannot be read".into()))
}

fn revocation(row: Row) -> Option<Revocation> {
    let [session, until] = <[Value; 2]>::try_from(row).ok()?;
    Some(Revocation { session: session.into_text()?, until: until.into_time()? })
}
