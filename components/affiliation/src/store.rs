//! The records in SQL, and the memory of affiliated citizens in the cache.

use connectivity_domain::check::{AffiliatedCache, CheckRecord, CheckStatus, CheckStore, StoreError, StoredCheck};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::page::Page;
use connectivity_domain::time::Timestamp;
use connectivity_domain::verdict::Evidence;
use connectivity_kit::cache::Cache;
use connectivity_kit::database::{Database, DatabaseError, Row, Sql, Value};
use connectivity_kit::log::{self, Level};
use connectivity_kit::metrics;
use connectivity_kit::runtime;
use std::sync::Arc;
use std::time::Duration;

const INSERT: Sql = Sql::same(
    "INSERT INTO affiliation_checks
       (id, citizen_id, status, exists_in_system, citizen_data, message, checked_at, external_api_status_code)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
);

const COUNT: Sql = Sql::same("SELECT COUNT(*) FROM affiliation_checks WHERE citizen_id = ?");

const PAGE: Sql = Sql {
    mysql: "SELECT id, status, message, DATE_FORMAT(checked_at, '%Y-%m-%d %H:%i:%s.%f') FROM affiliation_checks
            WHERE citizen_id = ? ORDER BY checked_at DESC, id DESC LIMIT ? OFFSET ?",
    sqlite: "SELECT id, status, message, checked_at FROM affiliation_checks
             WHERE citizen_id = ? ORDER BY checked_at DESC, id DESC LIMIT ? OFFSET ?",
};

/// The table `affiliation_checks`.
pub(crate) struct Store {
    database: Arc<Database>,
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
}

impl CheckStore for Store {
    async fn record(&self, record: &CheckRecord) -> Result<(), StoreError> {
        let parameters = vec![
            Value::text(record.id()),
            Value::text(record.citizen().as_str()),
            Value::text(record.status().as_str()),
            record.status().exists_in_system().map_or(Value::Null, Value::truth),
            Value::optional(record.citizen_data()),
            Value::text(record.message()),
            Value::text(&record.checked_at().to_sql()),
            record.status_code().map_or(Value::Null, |status| Value::Integer(i64::from(status))),
        ];
        self.run(INSERT, parameters).await?;
        metrics::count(&metrics::CHECKS, &[record.status().as_str()]);
        Ok(())
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<StoredCheck>), StoreError> {
        let citizen = Value::text(citizen.as_str());
        let count = self.run(COUNT, vec![citizen.clone()]).await?;
        let count = match count.first().map(Vec::as_slice) {
            Some([Value::Integer(count)]) => u64::try_from(*count).unwrap_or_default(),
            _ => return Err(StoreError),
        };
        let rows = self.run(PAGE, vec![citizen, Value::number(page.size()), Value::number(page.offset())]).await?;
        let checks: Option<Vec<_>> = rows.into_iter().map(stored).collect();
        let checks = checks.ok_or_else(|| {
            log::line(Level::Error, "a row of affiliation_checks cannot be read", &[]);
            StoreError
        })?;
        Ok((count, checks))
    }
}

fn stored(row: Row) -> Option<StoredCheck> {
    let [Value::Text(id), Value::Text(status), Value::Text(message), Value::Text(checked_at)] =
        <[Value; 4]>::try_from(row).ok()?
    else {
        return None;
    };
    let (status, checked_at) = (CheckStatus::parse(&status)?, Timestamp::parse_sql(&checked_at)?);
    Some(StoredCheck { id, status, message, checked_at })
}

/// Affiliated citizens in the cache, for `affiliation_cache_seconds`.
pub(crate) struct Memory {
    cache: Arc<Cache>,
    keep: Option<Duration>,
}

impl Memory {
    pub(crate) fn new(cache: Arc<Cache>, keep: Option<Duration>) -> Self {
        Self { cache, keep }
    }
}

impl AffiliatedCache for Memory {
    async fn get(&self, citizen: &CitizenId) -> Option<Evidence> {
        self.keep?;
        let held = self.cache.get(&key(citizen), runtime::now()).await.ok()??;
        let (status, body) = held.split_once(' ')?;
        let body = (!body.is_empty()).then(|| body.to_owned());
        Some(Evidence { status: status.parse().ok()?, body })
    }

    async fn put(&self, citizen: &CitizenId, evidence: &Evidence) {
        if let Some(keep) = self.keep {
            let value = format!("{} {}", evidence.status, evidence.body.as_deref().unwrap_or_default());
            // Forgotten is no harm, and the cache has logged it.
            let _ = self.cache.put(&key(citizen), &value, keep, runtime::now()).await;
        }
    }
}

fn key(citizen: &CitizenId) -> String {
    format!("connectivity:affiliated:{}", citizen.as_str())
}
