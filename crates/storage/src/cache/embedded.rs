//! The cache as a table of the host's SQLite, whose upserts are atomic.

use super::error::CacheDown;
use super::guard::{GuardAnswer, GuardQuery, RateLimitHit};
use super::keys;
use crate::database::{Database, DatabaseError, Sql, Value};
use connectivity_domain::time::Timestamp;
use connectivity_runtime::metrics::Batch;
use serde_json::{Map, Value as Json};
use std::time::Duration;

const GET: Sql = Sql::same("SELECT value FROM cache WHERE cache_key = ? AND expires_at_us > ?");

const PUT: Sql = Sql::same(
    "INSERT INTO cache (cache_key, value, expires_at_us) VALUES (?1, ?2, ?3)
     ON CONFLICT (cache_key) DO UPDATE SET value = ?2, expires_at_us = ?3",
);

/// Inserts the key if it is absent or expired, or replaces its value if that is `old` (?4). Returns
/// a row if it did either.
const COMPARE_AND_SET: Sql = Sql::same(
    "INSERT INTO cache (cache_key, value, expires_at_us) SELECT ?1, ?2, ?3
     WHERE ?4 IS NULL OR EXISTS (SELECT 1 FROM cache WHERE cache_key = ?1 AND expires_at_us > ?5)
     ON CONFLICT (cache_key) DO UPDATE SET value = ?2, expires_at_us = ?3
     WHERE (expires_at_us > ?5 AND value = ?4) OR (expires_at_us <= ?5 AND ?4 IS NULL)
     RETURNING 1",
);

const IS_REVOKED: Sql = Sql::same("SELECT 1 FROM sessions WHERE id = ? AND revoked_at IS NOT NULL");

/// Takes ?5 calls from the counter ?1 and returns how many are taken with them. It takes none and
/// returns no row if the session ?4 is revoked, or if more than ?6 would be taken. ?2 is the end of the
/// counter's window, ?3 is now.
const TAKE: Sql = Sql::same(
    "INSERT INTO cache (cache_key, value, expires_at_us)
     SELECT ?1, CAST(?5 AS TEXT), ?2
     WHERE ?5 <= ?6 AND NOT EXISTS (SELECT 1 FROM sessions WHERE id = ?4 AND revoked_at IS NOT NULL)
     ON CONFLICT (cache_key) DO UPDATE SET
       value = CASE WHEN expires_at_us > ?3 THEN CAST(value + ?5 AS TEXT) ELSE excluded.value END,
       expires_at_us = CASE WHEN expires_at_us > ?3 THEN expires_at_us ELSE excluded.expires_at_us END
     WHERE expires_at_us <= ?3 OR value + ?5 <= ?6
     RETURNING value",
);

/// Deletes a few expired rows. Nothing else deletes them while the application runs.
const DELETE_EXPIRED: Sql = Sql::same(
    "DELETE FROM cache WHERE cache_key IN (SELECT cache_key FROM cache WHERE expires_at_us <= ? LIMIT 8) RETURNING 1",
);

/// Adds a batch of counts, a JSON object in ?2, under the prefix ?1, unless its number ?4 or a
/// later one is the value of ?3, which is kept until ?5. ?6 is the end of time.
const ADD_COUNTS: Sql = Sql::same(
    "INSERT INTO cache (cache_key, value, expires_at_us)
     SELECT ?1 || key, CAST(value AS TEXT), ?6 FROM json_each(?2)
     WHERE NOT EXISTS (SELECT 1 FROM cache WHERE cache_key = ?3 AND CAST(value AS INTEGER) >= CAST(?4 AS INTEGER))
     UNION ALL SELECT ?3, ?4, ?5 WHERE true
     ON CONFLICT (cache_key) DO UPDATE SET
       value = CASE WHEN cache_key = ?3 THEN CAST(max(value + 0, excluded.value + 0) AS TEXT) ELSE CAST(value + excluded.value AS TEXT) END,
       expires_at_us = excluded.expires_at_us",
);

/// Returns the counters under the prefix ?1.
const COUNTS: Sql =
    Sql::same("SELECT substr(cache_key, length(?1) + 1), value FROM cache WHERE cache_key BETWEEN ?1 AND ?1 || '~'");

pub(super) async fn guard(
    database: &Database,
    query: &GuardQuery<'_>,
    now: Timestamp,
) -> Result<GuardAnswer, CacheDown> {
    match (&query.hit, query.session) {
        (Some(hit), session) => take(database, hit, session, now).await,
        (None, Some(session)) => {
            let is_revoked = is_revoked(database, session).await?;
            Ok(if is_revoked { GuardAnswer::Revoked } else { GuardAnswer::Taken(0) })
        }
        (None, None) => Ok(GuardAnswer::Taken(0)),
    }
}

async fn take(
    database: &Database,
    hit: &RateLimitHit,
    session: Option<&str>,
    now: Timestamp,
) -> Result<GuardAnswer, CacheDown> {
    let (ends, limits) = (now.plus(hit.window_left), [hit.calls, hit.limit].map(Value::number));
    let parameters = [Value::text(&hit.key), micros(ends), micros(now), Value::optional(session)];
    let taken = run(database, TAKE, parameters.into_iter().chain(limits).collect()).await?;
    let number = |count: &str| count.parse().map_err(|_| CacheDown(format!("the counter is not a number: {count}")));
    let Some(taken) = first_text(taken).as_deref().map(number).transpose()? else {
        if let Some(session) = session
            && is_revoked(database, session).await?
        {
            return Ok(GuardAnswer::Revoked);
        }
        // Others may have given the counter another value meanwhile. These calls were over the limit.
        let held = get(database, &hit.key, now).await?.as_deref().map_or(Ok(0), number)?;
        return Ok(GuardAnswer::Taken(hit.calls.saturating_add(held).max(hit.limit.saturating_add(1))));
    };
    if taken == hit.calls {
        // A new window has added a row, so a few expired ones are deleted and the table stays
        // small. If that fails, the next window does it.
        let _ = database.run(DELETE_EXPIRED, vec![micros(now)]).await;
    }
    Ok(GuardAnswer::Taken(taken))
}

async fn is_revoked(database: &Database, session: &str) -> Result<bool, CacheDown> {
    Ok(!run(database, IS_REVOKED, vec![Value::text(session)]).await?.is_empty())
}

pub(super) async fn add_counts(database: &Database, batch: &Batch, now: Timestamp) -> Result<(), CacheDown> {
    let counts: Map<String, Json> = batch.counts.iter().map(|(name, count)| (name.clone(), (*count).into())).collect();
    let parameters = vec![
        Value::text(&prefix()),
        Value::text(&Json::Object(counts).to_string()),
        Value::text(&format!("{}{}", keys::BATCH, batch.instance)),
        Value::text(&batch.number.to_string()),
        micros(now.plus(keys::BATCH_LIFETIME)),
        Value::Integer(i64::MAX),
    ];
    run(database, ADD_COUNTS, parameters).await?;
    if batch.number == 1 {
        // A new instance has added a row: see `take`.
        let _ = database.run(DELETE_EXPIRED, vec![micros(now)]).await;
    }
    Ok(())
}

pub(super) async fn counts(database: &Database) -> Result<Vec<(String, u64)>, CacheDown> {
    let rows = run(database, COUNTS, vec![Value::text(&prefix())]).await?;
    let pairs = rows.into_iter().filter_map(|row| match <[Value; 2]>::try_from(row) {
        Ok([Value::Text(name), Value::Text(count)]) => Some((name, count.parse().ok()?)),
        _ => None,
    });
    Ok(pairs.collect())
}

fn prefix() -> String {
    format!("{}|", keys::COUNTS)
}

pub(super) async fn get(database: &Database, key: &str, now: Timestamp) -> Result<Option<String>, CacheDown> {
    Ok(first_text(run(database, GET, vec![Value::text(key), micros(now)]).await?))
}

pub(super) async fn put(
    database: &Database,
    key: &str,
    value: &str,
    lifetime: Duration,
    now: Timestamp,
) -> Result<(), CacheDown> {
    let parameters = vec![Value::text(key), Value::text(value), micros(now.plus(lifetime))];
    run(database, PUT, parameters).await.map(|_| ())
}

pub(super) async fn compare_and_set(
    database: &Database,
    key: &str,
    old: Option<&str>,
    new: &str,
    lifetime: Duration,
    now: Timestamp,
) -> Result<bool, CacheDown> {
    let parameters =
        vec![Value::text(key), Value::text(new), micros(now.plus(lifetime)), Value::optional(old), micros(now)];
    let is_set = !run(database, COMPARE_AND_SET, parameters).await?.is_empty();
    if is_set && old.is_none() {
        // A new key has added a row: see `take`.
        let _ = database.run(DELETE_EXPIRED, vec![micros(now)]).await;
    }
    Ok(is_set)
}

async fn run(database: &Database, sql: Sql, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, CacheDown> {
    database.run(sql, parameters).await.map_err(|error: DatabaseError| CacheDown(error.to_string()))
}

fn first_text(rows: Vec<Vec<Value>>) -> Option<String> {
    match rows.into_iter().next()?.into_iter().next()? {
        Value::Text(text) => Some(text),
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Null => None,
    }
}

fn micros(time: Timestamp) -> Value {
    Value::Integer(time.as_micros())
}
