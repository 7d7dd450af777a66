//! The cache as a table of the embedded database, whose upserts are atomic.

use super::CacheDown;
use crate::database::{Database, DatabaseError, Sql, Value};
use connectivity_domain::time::Timestamp;
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
