//! The audit log in SQL: the table `access_audit`, which all components write.

use crate::database::{Database, Row, Sql, Value};
use crate::retention::Expiring;
use crate::table::Table;
use connectivity_domain::audit::{Access, AuditLog, Entry};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::page::Page;
use connectivity_domain::registry::StoreError;
use std::sync::Arc;

const NOTE: Sql = Sql::same(
    "INSERT INTO access_audit (id, at, event, subject, address, request_id, citizen, target, outcome)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
);

const COUNT: Sql = Sql::same("SELECT COUNT(*) FROM access_audit WHERE citizen = ?");

const PAGE: Sql = Sql {
    mysql: "SELECT DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s.%f'), event, subject, address, request_id, target
            FROM access_audit WHERE citizen = ? ORDER BY at DESC, id DESC LIMIT ? OFFSET ?",
    sqlite: "SELECT at, event, subject, address, request_id, target
             FROM access_audit WHERE citizen = ? ORDER BY at DESC, id DESC LIMIT ? OFFSET ?",
};

const FORGET: Sql = Sql::same("UPDATE access_audit SET citizen = ? WHERE citizen = ?");

/// The entries that are too old. Their ids do not sort by time, so they are found by an index.
pub const OLD_ENTRIES: Expiring = Expiring {
    find: Sql {
        mysql: "SELECT DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s.%f') FROM access_audit WHERE at < ? ORDER BY at LIMIT 500",
        sqlite: "SELECT at FROM access_audit WHERE at < ? ORDER BY at LIMIT 500",
    },
    change: Sql::same("DELETE FROM access_audit WHERE at <= ?"),
    by_id: false,
};

/// The table `access_audit`.
#[derive(Clone)]
pub struct SqlAuditLog {
    table: Table,
}

impl SqlAuditLog {
    /// Creates the audit log.
    pub fn new(database: Arc<Database>) -> Self {
        Self { table: Table::new(database, "access_audit") }
    }
}

impl AuditLog for SqlAuditLog {
    async fn note(&self, entry: &Entry) -> Result<(), StoreError> {
        let parameters = vec![
            Value::text(&entry.id),
            Value::time(entry.at),
            Value::text(entry.action.as_str()),
            Value::text(&entry.subject),
            Value::optional(entry.address.as_deref()),
            Value::text(&entry.request_id),
            Value::optional(entry.citizen.as_deref()),
            Value::optional(entry.target.as_deref()),
            Value::Integer(entry.outcome.into()),
        ];
        self.table.insert(NOTE, parameters).await.map(|_| ())
    }

    async fn accesses(&self, citizen: &CitizenId, page: Page) -> Result<(u64, Vec<Access>), StoreError> {
        self.table.page(COUNT, PAGE, citizen.as_str(), page, access).await
    }

    async fn forget(&self, citizen: &CitizenId, digest: &str) -> Result<(), StoreError> {
        self.table.run(FORGET, vec![Value::text(digest), Value::text(citizen.as_str())]).await.map(|_| ())
    }
}

fn access(row: Row) -> Option<Access> {
    let [at, action, subject, address, request_id, target] = <[Value; 6]>::try_from(row).ok()?;
    Some(Access {
        at: at.into_time()?,
        action: action.into_text()?,
        subject: subject.into_text()?,
        address: address.into_text(),
        request_id: request_id.into_text()?,
        target: target.into_text(),
    })
}
