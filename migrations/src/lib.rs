//! The schema as numbered steps for MySQL, MariaDB and SQLite, and the code that applies them.
//!
//! Both databases record the steps that have been applied in the table `schema_migrations`. SQLite
//! is migrated by the component that opens it ([`sqlite::migrate`]). MySQL and MariaDB are migrated
//! by an operator's command (`mysql::migrate`, behind the feature `mysql`), because the account of
//! the components may not change tables.
//!
//! Steps only add: an older program has to keep working on the schema of a newer one, so that a
//! release can be rolled back without touching the database. A new column is therefore nullable or
//! has a default, and a column that is no longer used is dropped by a later release than the one
//! that stops using it.

#[cfg(feature = "mysql")]
pub mod mysql;
pub mod sqlite;
mod statement;
mod steps;

pub use steps::{NEEDED, STEPS, Step};

use std::fmt;
use std::future::Future;

/// Reads the version of the schema: the highest step that has been applied.
pub const VERSION: &str = "SELECT MAX(version) FROM schema_migrations";

/// Counts the tables that [`VERSION`] reads, on MySQL and MariaDB: 0 in a database that was never
/// migrated.
pub const MYSQL_VERSION_TABLES: &str = "SELECT COUNT(*) FROM information_schema.tables
  WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'";

/// A connection to the database that is migrated.
pub trait Connection: Send {
    /// Why a statement failed.
    type Error: Send;

    /// Runs one statement. Returns the first column of its first row if that is a number.
    fn run(&mut self, sql: &str) -> impl Future<Output = Result<Option<i64>, Self::Error>> + Send;
}

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The version of the schema afterwards.
    pub version: u32,
    /// The newest step that this program knows. The schema may be newer.
    pub newest: u32,
    /// The names of the steps that were applied, in order.
    pub applied: Vec<&'static str>,
}

impl Migrated {
    fn new(found: u32, applied: Vec<&'static str>, steps: &[Step]) -> Self {
        let newest = newest(steps);
        Self { version: found.max(newest), newest, applied }
    }
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, newest, applied } = self;
        if !applied.is_empty() {
            write!(f, "applied: {}; the schema is at version {version}", applied.join(", "))
        } else if version > newest {
            write!(f, "the schema is at version {version}, newer than this program ({newest}): nothing to do")
        } else {
            write!(f, "the schema is up to date (version {version})")
        }
    }
}

/// The version in the answer to [`VERSION`]; 0 where no step has been recorded.
fn version(answer: Option<i64>) -> u32 {
    answer.and_then(|version| u32::try_from(version).ok()).unwrap_or_default()
}

fn newest(steps: &[Step]) -> u32 {
    steps.last().map_or(0, |step| step.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_of_a_migration_is_described() {
        let check = |version, applied: &[&'static str], expected: &str| {
            let migrated = Migrated { version, newest: 5, applied: applied.to_vec() };
            assert_eq!(migrated.to_string(), expected);
        };
        check(5, &["a", "b"], "applied: a, b; the schema is at version 5");
        check(5, &[], "the schema is up to date (version 5)");
        check(7, &[], "the schema is at version 7, newer than this program (5): nothing to do");
    }
}
