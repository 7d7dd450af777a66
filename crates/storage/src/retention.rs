//! Deletes records that are older than an operator wants to keep them, a few at a time.

use crate::database::{Sql, Value};
use crate::table::Table;
use connectivity_domain::registry::StoreError;
use connectivity_domain::retention::first_id;
use connectivity_domain::time::Timestamp;

/// The statements that find and change a batch of old rows, made by
/// [`expiring!`](crate::expiring) for tables whose ids are UUIDs of version 7.
#[derive(Clone, Copy, Debug)]
pub struct Expiring {
    /// Returns the keys of at most 500 old rows, in their order. Its parameters are the time before
    /// which rows are old; by id, also the key to begin after and a key that all old rows precede.
    pub find: Sql,
    /// Changes the old rows up to a key. Its parameters are the last key that was found; by id, also
    /// the key to begin after and the time.
    pub change: Sql,
    /// Whether rows are found by id.
    pub by_id: bool,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The number of old rows that were found.
    pub found: u64,
    /// The key of the last one.
    pub last: Option<String>,
}

impl Expiring {
    /// The most rows of a batch. A batch takes milliseconds and blocks no other request for longer.
    pub const BATCH: u64 = 500;

    /// Finds the next batch of rows that are older than `cutoff`, and changes it. Rows up to the key
    /// `after` are left alone.
    pub async fn run(&self, table: &Table, after: &str, cutoff: Timestamp) -> Result<Batch, StoreError> {
        let (after, time, end) = (Value::text(after), Value::time(cutoff), Value::text(&first_id(cutoff)));
        let parameters = if self.by_id { vec![time.clone(), after.clone(), end] } else { vec![time.clone()] };
        let keys = table.read(self.find, parameters, |row| row.into_iter().next()?.into_text()).await?;
        let Some(last) = keys.last() else { return Ok(Batch::default()) };
        let up_to = Value::text(last);
        let parameters = if self.by_id { vec![up_to, after, time] } else { vec![up_to] };
        table.run(self.change, parameters).await?;
        Ok(Batch { found: keys.len() as u64, last: Some(last.clone()) })
    }
}

/// Makes the [`Expiring`](crate::retention::Expiring) of a table whose ids are UUIDs of version 7.
///
/// `time` is the column that says how old a row is. `change` is `"DELETE"`, or the beginning of
/// another statement, up to `WHERE`. Only old rows that meet `condition` are found and changed.
#[macro_export]
macro_rules! expiring {
    (table: $table:literal, time: $time:literal, change: "DELETE", condition: $condition:literal,) => {
        $crate::expiring!(@statements $table, $time, concat!("DELETE FROM ", $table), $condition)
    };
    (table: $table:literal, time: $time:literal, change: $change:literal, condition: $condition:literal,) => {
        $crate::expiring!(@statements $table, $time, $change, $condition)
    };
    (@statements $table:literal, $time:literal, $change:expr, $condition:literal) => {
        $crate::retention::Expiring {
            find: $crate::database::Sql::same(concat!(
                "SELECT id FROM ",
                $table,
                " WHERE ",
                $time,
                " < ? AND id > ? AND id < ? AND ",
                $condition,
                " ORDER BY id LIMIT 500"
            )),
            change: $crate::database::Sql::same(concat!(
                $change,
                " WHERE id <= ? AND id > ? AND ",
                $time,
                " < ? AND ",
                $condition
            )),
            by_id: true,
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::OLD_ENTRIES;

    #[test]
    fn statements_have_the_parameters_that_a_batch_gives() {
        let expiring = crate::expiring!(
            table: "records",
            time: "at",
            change: "DELETE",
            condition: "status <> 'PENDING'",
        );
        for (expiring, parameters) in [(expiring, 3), (OLD_ENTRIES, 1)] {
            for text in [expiring.find.mysql, expiring.find.sqlite] {
                assert_eq!(text.matches('?').count(), parameters, "{text}");
                assert!(text.ends_with(&format!("LIMIT {}", Expiring::BATCH)), "{text}");
            }
            assert_eq!(expiring.change.mysql.matches('?').count(), parameters, "{}", expiring.change.mysql);
        }
    }
}
