//! The records in SQL, and the affiliated citizens in the cache.

use connectivity_domain::check::{AffiliatedCache, CheckRecord, CheckStatus, CheckStore, StoreError, StoredCheck};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::page::Page;
use connectivity_domain::time::Timestamp;
use connectivity_domain::verdict::Evidence;
use connectivity_runtime as runtime;
use connectivity_runtime::metrics;
use connectivity_storage::cache::Cache;
use connectivity_storage::database::{Database, Row, Sql, Value};
use connectivity_storage::table::Table;
use std::sync::Arc;
use std::time::Duration;

const INSERT: Sql = Sql::same(
    "INSERT INTO affiliation_checks
       (id, citizen_id, status, exists_in_system, citizen_data, message, checked_at, external_api_status_code,
        requested_by)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
);

const COUNT: Sql = Sql::same("SELECT COUNT(*) FROM affiliation_checks WHERE citizen_id = ?");

const PAGE: Sql = Sql {
    mysql: "SELECT id, status, message, DATE_FORMAT(checked_at, '%Y-%m-%d %H:%i:%s.%f'), requested_by
            FROM affiliation_checks
            WHERE citizen_id = ? ORDER BY checked_at DESC, id DESC LIMIT ? OFFSET ?",
    sqlite: "SELECT id, status, message, checked_at, requested_by FROM affiliation_checks
             WHERE citizen_id = ? ORDER BY checked_at DESC, id DESC LIMIT ? OFFSET ?",
};

/// The table `affiliation_checks`.
pub(crate) struct Store {
    table: Table,
}

impl Store {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { table: Table::new(database, "affiliation_checks") }
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
            Value::text(record.requested_by()),
        ];
        self.table.run(INSERT, parameters).await?;
        metrics::count(&metrics::CHECKS, &[record.status().as_str()]);
        Ok(())
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<StoredCheck>), StoreError> {
        self.table.page(COUNT, PAGE, citizen.as_str(), page, stored).await
    }
}

fn stored(row: Row) -> Option<StoredCheck> {
    let [Value::Text(id), Value::Text(status), Value::Text(message), Value::Text(checked_at), requested_by] =
        <[Value; 5]>::try_from(row).ok()?
    else {
        return None;
    };
    let (status, checked_at) = (CheckStatus::parse(&status)?, Timestamp::parse_sql(&checked_at)?);
    Some(StoredCheck { id, status, message, checked_at, requested_by: requested_by.into_text() })
}

/// The affiliated citizens in the cache, kept for `affiliation_cache_seconds`.
pub(crate) struct CachedAffiliations {
    cache: Arc<Cache>,
    ttl: Option<Duration>,
}

impl CachedAffiliations {
    pub(crate) fn new(cache: Arc<Cache>, ttl: Option<Duration>) -> Self {
        Self { cache, ttl }
    }
}

impl AffiliatedCache for CachedAffiliations {
    async fn get(&self, citizen: &CitizenId) -> Option<Evidence> {
        self.ttl?;
        let held = self.cache.get(&key(citizen), runtime::now()).await.ok()??;
        let (status, body) = held.split_once(' ')?;
        let body = (!body.is_empty()).then(|| body.to_owned());
        Some(Evidence { status: status.parse().ok()?, body })
    }

    async fn put(&self, citizen: &CitizenId, evidence: &Evidence) {
        if let Some(ttl) = self.ttl {
            let value = format!("{} {}", evidence.status, evidence.body.as_deref().unwrap_or_default());
            // If it fails, the registry is asked again. The cache has logged the error.
            let _ = self.cache.put(&key(citizen), &value, ttl, runtime::now()).await;
        }
    }
}

fn key(citizen: &CitizenId) -> String {
    format!("connectivity:affiliated:{}", citizen.as_str())
}
