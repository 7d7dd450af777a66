//! Fills the table of affiliation checks, to measure what a check costs beside many records.

use crate::servers::Servers;
use std::path::PathBuf;

/// Where the application under test keeps its records.
pub enum Store {
    /// The name of a database on MariaDB.
    MariaDb(String),
    /// The file of the host's SQLite database.
    Sqlite(PathBuf),
}

/// How many rows one statement inserts.
const STEP: u64 = 500_000;

impl Store {
    /// Adds the rows after the `from`th, up to `to`. They are of citizens with ascending ids: in random
    /// order ten million rows take too long.
    pub async fn fill(&self, servers: &Servers, from: u64, to: u64) {
        let mut first = from + 1;
        while first <= to {
            let last = to.min(first + STEP - 1);
            match self {
                Self::MariaDb(database) => {
                    let citizen = "CAST(100000000000 + seq * 89999 AS CHAR)";
                    let id = "CONCAT(LPAD(HEX(seq), 8, '0'), '-0000-7000-8000-000000000000')";
                    let time = "NOW(6) - INTERVAL 1 DAY";
                    let numbers = format!("seq_{first}_to_{last}");
                    servers.query(database, &insert(id, citizen, time, &numbers)).await;
                }
                Self::Sqlite(file) => {
                    let citizen = "CAST(100000000000 + value * 89999 AS TEXT)";
                    let id = "printf('%08x-0000-7000-8000-000000000000', value)";
                    let time = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-1 day')";
                    let numbers = format!(
                        "(WITH RECURSIVE numbers(value) AS (VALUES({first}) UNION ALL SELECT value + 1 FROM numbers \
                         WHERE value < {last}) SELECT value FROM numbers)"
                    );
                    let connection = rusqlite::Connection::open(file).expect("the database of the host");
                    connection.busy_timeout(std::time::Duration::from_mins(1)).expect("an option");
                    connection.execute_batch(&insert(id, citizen, time, &numbers)).expect("rows");
                }
            }
            first = last + 1;
        }
    }
}

fn insert(id: &str, citizen: &str, time: &str, numbers: &str) -> String {
    format!(
        "INSERT INTO affiliation_checks (id, citizen_id, status, exists_in_system, message, checked_at, \
         external_api_status_code) SELECT {id}, {citizen}, 'ELIGIBLE', FALSE, 'the citizen is not affiliated', {time}, \
         204 FROM {numbers}"
    )
}
