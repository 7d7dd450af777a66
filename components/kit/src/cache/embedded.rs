//! The cache as a table of the embedded database, whose upserts are atomic.

use super::CacheDown;
use super::visit::{self, Seen, Session, Visit};
use crate::database::{Database, DatabaseError, Sql, Value};
use crate::metrics::Batch;
use connectivity_domain::time::Timestamp;
use serde_json::{Map, Value as Json};
use std::time::Duration;

const GET: Sql = Sql::same("SELECT value FROM cache WHERE cache_key = ? AND expires_at_us > ?");

const PUT: Sql = Sql::same(
    "INSERT INTO cache (cache_key, value, expires_at_us) VALUES (?1, ?2, ?3)
     ON CONFLICT (cache_key) DO UPDATE SET value = ?2, expires_at_us = ?3",
);

/// Inserts where nothing (live) is held, replaces where `old` (?4) is held, and returns a row if it did either.
const COMPARE_AND_SET: Sql = Sql::same(
    "INSERT INTO cache (cache_key, value, expires_at_us) SELECT ?1, ?2, ?3
     WHERE ?4 IS NULL OR EXISTS (SELECT 1 FROM cache WHERE cache_key = ?1 AND expires_at_us > ?5)
     ON CONFLICT (cache_key) DO UPDATE SET value = ?2, expires_at_us = ?3
     WHERE (expires_at_us > ?5 AND value = ?4) OR (expires_at_us <= ?5 AND ?4 IS NULL)
     RETURNING 1",
);

const COUNT: Sql = Sql::same(
    "INSERT INTO cache (cache_key, value, expires_at_us) VALUES (?1, '1', ?2)
     ON CONFLICT (cache_key) DO UPDATE SET
       value = CASE WHEN expires_at_us > ?3 THEN CAST(value + 1 AS TEXT) ELSE '1' END,
       expires_at_us = CASE WHEN expires_at_us > ?3 THEN expires_at_us ELSE ?2 END
     RETURNING value",
);

/// The whole visit in one statement: a row for the throttle unless the session is revoked, and one for the counter.
/// ?1 the throttle's key (NULL: none), ?2 the end of its window, ?3 now, ?4 its limit, ?5 the counter's key without its
/// outcome, ?6 the end of time, ?7 the session, ?8 what is known of it (NULL: the table `sessions` says).
const VISIT: Sql = Sql::same(
    "WITH state AS (
       SELECT COALESCE(?8, EXISTS (SELECT 1 FROM sessions WHERE id = ?7 AND revoked_at IS NOT NULL)) AS revoked,
         COALESCE((SELECT CAST(value AS INTEGER) FROM cache WHERE cache_key = ?1 AND expires_at_us > ?3), 0) AS taken)
     INSERT INTO cache (cache_key, value, expires_at_us)
     SELECT ?1, '1', ?2 FROM state WHERE ?1 IS NOT NULL AND NOT revoked
     UNION ALL
     SELECT ?5 || CASE WHEN revoked THEN 'revoked' WHEN ?1 IS NOT NULL AND taken >= ?4 THEN 'throttled'
                       ELSE 'admitted' END, '1', ?6 FROM state WHERE true
     ON CONFLICT (cache_key) DO UPDATE SET
       value = CASE WHEN expires_at_us > ?3 THEN CAST(value + 1 AS TEXT) ELSE '1' END,
       expires_at_us = CASE WHEN expires_at_us > ?3 THEN expires_at_us ELSE excluded.expires_at_us END
     RETURNING cache_key, value",
);

/// A few rows that have expired. Nothing else does it while the application runs.
const CLEAR: Sql = Sql::same(
    "DELETE FROM cache WHERE cache_key IN (SELECT cache_key FROM cache WHERE expires_at_us <= ? LIMIT 8) RETURNING 1",
);

/// Adds a batch of counts, a JSON object in ?2, under the prefix ?1, unless its number ?4 or a later one is held under ?3,
/// which is kept until ?5. ?6 is the end of time.
const ADD_COUNTS: Sql = Sql::same(
    "INSERT INTO cache (cache_key, value, expires_at_us)
     SELECT ?1 || key, CAST(value AS TEXT), ?6 FROM json_each(?2)
     WHERE NOT EXISTS (SELECT 1 FROM cache WHERE cache_key = ?3 AND CAST(value AS INTEGER) >= CAST(?4 AS INTEGER))
     UNION ALL SELECT ?3, ?4, ?5 WHERE true
     ON CONFLICT (cache_key) DO UPDATE SET
       value = CASE WHEN cache_key = ?3 THEN CAST(max(value + 0, excluded.value + 0) AS TEXT) ELSE CAST(value + excluded.value AS TEXT) END,
       expires_at_us = excluded.expires_at_us",
);

/// The counters, under the prefix ?1.
const COUNTS: Sql =
    Sql::same("SELECT substr(cache_key, length(?1) + 1), value FROM cache WHERE cache_key BETWEEN ?1 AND ?1 || '~'");

pub(super) async fn visit(database: &Database, visit: &Visit<'_>, now: Timestamp) -> Result<Seen, CacheDown> {
    let key = visit.take.as_ref().map(|take| take.key.as_str());
    let (ends, limit) = visit.take.as_ref().map_or((now, 0), |take| (now.plus(take.keep), take.limit));
    let (session, judged) = match visit.session {
        Session::Named(session) => (text(session), Value::Null),
        Session::Judged { revoked } => (Value::Null, Value::Integer(i64::from(revoked))),
    };
    let parameters = vec![
        Value::optional(key),
        time(ends),
        time(now),
        Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)),
        text(&format!("{}{}|", prefix(), visit.counter)),
        Value::Integer(i64::MAX),
        session,
        judged,
    ];
    let rows = database.run(VISIT, parameters).await.map_err(|error| down(&error))?;
    let mut taken = 0;
    for row in rows {
        match &row[..] {
            [Value::Text(held), Value::Text(count)] if Some(held.as_str()) == key => {
                taken = count.parse().map_err(|_| CacheDown("no count".into()))?;
            }
            [Value::Text(counter), _] if counter.ends_with("|revoked") => return Ok(Seen::Revoked),
            _ => {}
        }
    }
    if taken == 1 {
        // A new row for a new window: a few old ones go in its place, so that the table does not grow for ever. If they
        // do not, they will the next time.
        let _ = database.run(CLEAR, vec![time(now)]).await;
    }
    Ok(Seen::Taken(taken))
}

pub(super) async fn add_counts(database: &Database, batch: &Batch, now: Timestamp) -> Result<(), CacheDown> {
    let counts: Map<String, Json> = batch.counts.iter().map(|(name, count)| (name.clone(), (*count).into())).collect();
    let parameters = vec![
        text(&prefix()),
        text(&Json::Object(counts).to_string()),
        text(&format!("{}{}", visit::BATCH, batch.instance)),
        text(&batch.number.to_string()),
        time(now.plus(visit::BATCH_FOR)),
        Value::Integer(i64::MAX),
    ];
    database.run(ADD_COUNTS, parameters).await.map_err(|error| down(&error))?;
    if batch.number == 1 {
        // A new row for a new instance, too: see `visit`.
        let _ = database.run(CLEAR, vec![time(now)]).await;
    }
    Ok(())
}

pub(super) async fn counts(database: &Database) -> Result<Vec<(String, u64)>, CacheDown> {
    let rows = database.run(COUNTS, vec![text(&prefix())]).await.map_err(|error| down(&error))?;
    let pairs = rows.into_iter().filter_map(|row| match <[Value; 2]>::try_from(row) {
        Ok([Value::Text(name), Value::Text(count)]) => Some((name, count.parse().ok()?)),
        _ => None,
    });
    Ok(pairs.collect())
}

fn prefix() -> String {
    format!("{}|", visit::COUNTS)
}

pub(super) async fn get(database: &Database, key: &str, now: Timestamp) -> Result<Option<String>, CacheDown> {
    let rows = database.run(GET, vec![text(key), time(now)]).await.map_err(|error| down(&error))?;
    Ok(first_text(rows))
}

pub(super) async fn put(
    database: &Database,
    key: &str,
    value: &str,
    keep: Duration,
    now: Timestamp,
) -> Result<(), CacheDown> {
    database
        .run(PUT, vec![text(key), text(value), time(now.plus(keep))])
        .await
        .map(|_| ())
        .map_err(|error| down(&error))
}

pub(super) async fn compare_and_set(
    database: &Database,
    key: &str,
    old: Option<&str>,
    new: &str,
    keep: Duration,
    now: Timestamp,
) -> Result<bool, CacheDown> {
    let parameters = vec![text(key), text(new), time(now.plus(keep)), Value::optional(old), time(now)];
    database.run(COMPARE_AND_SET, parameters).await.map(|rows| !rows.is_empty()).map_err(|error| down(&error))
}

pub(super) async fn count(database: &Database, key: &str, keep: Duration, now: Timestamp) -> Result<u64, CacheDown> {
    let rows =
        database.run(COUNT, vec![text(key), time(now.plus(keep)), time(now)]).await.map_err(|error| down(&error))?;
    first_text(rows).and_then(|count| count.parse().ok()).ok_or_else(|| CacheDown("no count".into()))
}

fn first_text(rows: Vec<Vec<Value>>) -> Option<String> {
    match rows.into_iter().next()?.into_iter().next()? {
        Value::Text(text) => Some(text),
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Null => None,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn time(time: Timestamp) -> Value {
    Value::Integer(time.as_micros())
}

fn down(error: &DatabaseError) -> CacheDown {
    CacheDown(error.to_string())
}
