//! The records in SQL, and the affiliated citizens in the cache.

use connectivity_domain::check::{
    AffiliatedCache, CheckRecord, CheckStatus, CheckStore, HeldCheck, MAX_BATCH, StoreError, StoredCheck,
};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::holdings::Holdings;
use connectivity_domain::page::Page;
use connectivity_domain::retention::Retention;
use connectivity_domain::time::Timestamp;
use connectivity_domain::verdict::Evidence;
use connectivity_edge::retention::Kept;
use connectivity_runtime as runtime;
use connectivity_runtime::metrics;
use connectivity_storage::audit::OLD_ENTRIES;
use connectivity_storage::cache::Cache;
use connectivity_storage::database::{Database, Insert, Row, Sql, Value};
use connectivity_storage::retention::Expiring;
use connectivity_storage::table::Table;
use std::sync::Arc;
use std::time::Duration;

static INSERT: Insert<MAX_BATCH> = Insert::new(
    "INSERT INTO affiliation_checks
       (id, citizen_id, status, exists_in_system, citizen_data, message, checked_at, external_api_status_code,
        requested_by, request_id)
     VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
);

const COUNT: Sql = Sql::same("SELECT COUNT(*) FROM affiliation_checks WHERE citizen_id = ?");

const PAGE: Sql = Sql {
    mysql: "SELECT id, status, message, DATE_FORMAT(checked_at, '%Y-%m-%d %H:%i:%s.%f'), requested_by
            FROM affiliation_checks
            WHERE citizen_id = ? ORDER BY checked_at DESC, id DESC LIMIT ? OFFSET ?",
    sqlite: "SELECT id, status, message, checked_at, requested_by FROM affiliation_checks
             WHERE citizen_id = ? ORDER BY checked_at DESC, id DESC LIMIT ? OFFSET ?",
};

const HELD: Sql = Sql {
    mysql: "SELECT id, status, message, DATE_FORMAT(checked_at, '%Y-%m-%d %H:%i:%s.%f'), requested_by,
              request_id, external_api_status_code, citizen_data
            FROM affiliation_checks
            WHERE citizen_id = ? ORDER BY checked_at DESC, id DESC LIMIT ? OFFSET ?",
    sqlite: "SELECT id, status, message, checked_at, requested_by,
               request_id, external_api_status_code, citizen_data
             FROM affiliation_checks
             WHERE citizen_id = ? ORDER BY checked_at DESC, id DESC LIMIT ? OFFSET ?",
};

const ERASE: Sql = Sql::same("DELETE FROM affiliation_checks WHERE citizen_id = ?");

const OLD_CHECKS: Expiring = connectivity_storage::expiring!(
    table: "affiliation_checks",
    time: "checked_at",
    change: "DELETE",
    condition: "TRUE",
);

/// Returns the records that are deleted when they are old. The audit log is shared by all
/// components; this one deletes its old entries.
pub(crate) fn old_records(database: &Arc<Database>, checks: Retention, audit: Retention) -> Vec<Kept> {
    let kept = |name, expiring, retention| Kept {
        table: Table::new(Arc::clone(database), name),
        expiring,
        retention,
        stay: false,
    };
    vec![kept("affiliation_checks", OLD_CHECKS, checks), kept("access_audit", OLD_ENTRIES, audit)]
}

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
    async fn record(&self, records: &[CheckRecord]) -> Result<(), StoreError> {
        let parameters = records.iter().flat_map(values).collect();
        self.table.run(INSERT.of_rows(records.len()), parameters).await?;
        for record in records {
            metrics::count(&metrics::CHECKS, &[record.status().as_str()]);
        }
        Ok(())
    }

    async fn history(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<StoredCheck>), StoreError> {
        self.table.page(COUNT, PAGE, citizen.as_str(), page, stored).await
    }
}

impl Holdings for Store {
    type Record = HeldCheck;

    async fn held(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<HeldCheck>), StoreError> {
        self.table.page(COUNT, HELD, citizen.as_str(), page, held).await
    }

    async fn is_in_progress(&self, _citizen: &CitizenId) -> Result<bool, StoreError> {
        // A check is recorded when it is finished.
        Ok(false)
    }

    async fn erase(&self, citizen: &CitizenId) -> Result<u64, StoreError> {
        let erased = self.table.count(COUNT, citizen.as_str()).await?;
        self.table.run(ERASE, vec![Value::text(citizen.as_str())]).await?;
        Ok(erased)
    }
}

/// Returns the values of a row, in the order of the columns of [`INSERT`].
fn values(record: &CheckRecord) -> [Value; 10] {
    [
        Value::text(record.id()),
        Value::text(record.citizen().as_str()),
        Value::text(record.status().as_str()),
        record.status().exists_in_system().map_or(Value::Null, Value::truth),
        Value::optional(record.citizen_data()),
        Value::text(record.message()),
        Value::time(record.checked_at()),
        record.status_code().map_or(Value::Null, |status| Value::Integer(i64::from(status))),
        Value::text(record.requested_by()),
        Value::text(record.request_id()),
    ]
}

fn held(mut row: Row) -> Option<HeldCheck> {
    let rest = if row.len() == 8 { row.split_off(5) } else { return None };
    let [request_id, code, data] = <[Value; 3]>::try_from(rest).ok()?;
    let status_code = match code {
        Value::Integer(code) => Some(u16::try_from(code).ok()?),
        Value::Null | Value::Text(_) => None,
    };
    Some(HeldCheck {
        check: stored(row)?,
        request_id: request_id.into_text(),
        status_code,
        citizen_data: data.into_text(),
    })
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

    async fn forget(&self, citizen: &CitizenId) {
        // Without `affiliation_cache_seconds`, nothing was cached. An empty value is no answer, and
        // gone after a moment; if it cannot be written, the answer is gone after its own time.
        if self.ttl.is_some() {
            let _ = self.cache.put(&key(citizen), "", Duration::from_millis(1), runtime::now()).await;
        }
    }
}

fn key(citizen: &CitizenId) -> String {
    format!("connectivity:affiliated:{}", citizen.as_str())
}
