//! Several claims or several outcomes, with two statements for all of them.

use super::row::{self, JobTable};
use super::statements::JobStatements;
use crate::database::{Sql, Value};
use connectivity_domain::job::{Claim, MAX_TOGETHER, Outcome, Question};
use connectivity_domain::time::Timestamp;
use std::sync::OnceLock;

/// The statements for each number of rows: 2, 4, 8 and so on up to [`MAX_TOGETHER`]. A call with
/// fewer rows repeats its last row, which changes nothing, so that a connection prepares few texts.
const SIZES: usize = MAX_TOGETHER.ilog2() as usize;

/// The columns that finishing sets and that differ between rows, besides that of the verdict.
const OUTCOME: [&str; 5] =
    ["external_api_status_code", "external_api_response", "error_message", "outbox_due_at", "status"];

/// The statements on several rows of a table. Their texts are made when they are used first.
#[derive(Default)]
pub(super) struct Together([OnceLock<Statements>; SIZES]);

/// The statements on a number of rows.
pub(super) struct Statements {
    rows: usize,
    /// Creates the records of requests that are new.
    pub(super) insert: Sql,
    /// Reads the tokens of the claims on requests.
    pub(super) claims: Sql,
    /// Finishes jobs whose claims are held.
    pub(super) finish: Sql,
    /// Reads which claims have finished their jobs at a time, and the ids of the records.
    pub(super) finished_by: Sql,
}

impl Together {
    /// Returns the statements for at least this number of rows, from 2 to [`MAX_TOGETHER`].
    pub(super) fn of_rows(&self, table: &JobStatements, rows: usize) -> &Statements {
        let size = (rows.max(2).next_power_of_two().ilog2() as usize).min(SIZES);
        self.0[size - 1].get_or_init(|| Statements::new(table, 1 << size))
    }
}

impl Statements {
    fn new(&JobStatements { table, verdict, insert, .. }: &JobStatements, rows: usize) -> Self {
        let list = repeated("?", rows);
        let Some((head, row)) = insert.sqlite.split_once(" VALUES ") else { unreachable!("the text has one row") };
        let insert = format!("{head} VALUES {}", repeated(row, rows));
        let case = |column: &str| format!("{column} = CASE claim {}END", "WHEN ? THEN ? ".repeat(rows));
        let columns: Vec<_> = [verdict].into_iter().chain(OUTCOME).map(case).collect();
        Self {
            rows,
            // A row that exists stays as it is. Other errors than its key are errors still.
            insert: Sql {
                mysql: kept(format!("{insert} ON DUPLICATE KEY UPDATE message_id = {table}.message_id")),
                sqlite: kept(format!("{insert} ON CONFLICT (message_id) DO NOTHING")),
            },
            claims: Sql::same(kept(format!("SELECT claim FROM {table} WHERE message_id IN ({list})"))),
            // The condition is read before the columns are set.
            finish: Sql::same(kept(format!(
                "UPDATE {table} SET {}, processed_at = ?, outbox = 'RESULT', outbox_lease = NULL \
                 WHERE message_id IN ({list}) AND status = 'PENDING' AND claim IN ({list})",
                columns.join(", ")
            ))),
            finished_by: Sql::same(kept(format!(
                "SELECT id, claim FROM {table} WHERE message_id IN ({list}) AND claim IN ({list}) AND processed_at = ?"
            ))),
        }
    }

    /// Returns the parameters of the statement that inserts.
    pub(super) fn inserted<T: JobTable>(&self, claims: &[&Claim<T::Question>]) -> Vec<Value> {
        self.padded(claims).flat_map(|claim| row::inserted::<T>(claim)).collect()
    }

    /// Returns the keys of the requests, as often as a statement has rows.
    pub(super) fn keys<Q: Question>(&self, claims: &[&Claim<Q>]) -> Vec<Value> {
        self.padded(claims).map(|claim| Value::text(claim.message_id.key())).collect()
    }

    /// Returns the parameters of the statement that finishes.
    pub(super) fn finished<Q: Question>(&self, outcomes: &[&(&Claim<Q>, Outcome)], at: Timestamp) -> Vec<Value> {
        let rows: Vec<_> = outcomes
            .iter()
            .map(|(claim, outcome)| {
                let [status, verdict, code, response, message, _, due] =
                    row::finished(outcome, at, claim.result_due(at));
                (&claim.token, [verdict, code, response, message, due, status])
            })
            .collect();
        let cases = (0..=OUTCOME.len()).flat_map(|column| {
            self.padded(&rows).flat_map(move |(token, values)| [Value::text(token), values[column].clone()])
        });
        cases.chain([Value::time(at)]).chain(self.holders(outcomes)).collect()
    }

    /// Returns the parameters of the statement that reads which claims have finished their jobs.
    pub(super) fn finished_by<Q: Question>(&self, outcomes: &[&(&Claim<Q>, Outcome)], at: Timestamp) -> Vec<Value> {
        self.holders(outcomes).chain([Value::time(at)]).collect()
    }

    /// Returns the parameters that find the rows of claims.
    fn holders<Q: Question>(&self, outcomes: &[&(&Claim<Q>, Outcome)]) -> impl Iterator<Item = Value> {
        let keys = self.padded(outcomes).map(|(claim, _)| Value::text(claim.message_id.key()));
        keys.chain(self.padded(outcomes).map(|(claim, _)| Value::text(&claim.token)))
    }

    /// Repeats the last row.
    fn padded<'a, T>(&self, rows: &'a [T]) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let last = rows.last();
        (0..self.rows).filter_map(move |index| rows.get(index).or(last))
    }
}

fn repeated(text: &str, count: usize) -> String {
    vec![text; count].join(", ")
}

/// Keeps a text for as long as the program runs. An instance has one store, which makes each text
/// once.
fn kept(text: String) -> &'static str {
    text.leak()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: JobStatements = crate::job_statements!(
        table: "jobs",
        verdict: "verdict",
        question: "id_citizen, url",
        parameters: "?, ?",
    );

    #[test]
    fn statements_have_the_parameters_of_their_rows() {
        let together = Together::default();
        for (rows, size) in [(1, 2), (2, 2), (3, 4), (5, 8), (16, 16), (17, 32), (32, 32)] {
            let statements = together.of_rows(&TABLE, rows);
            assert_eq!(statements.rows, size, "{rows}");
            for (sql, parameters) in [
                (statements.insert, 15 * size),
                (statements.claims, size),
                (statements.finish, 6 * 2 * size + 1 + 2 * size),
                (statements.finished_by, 2 * size + 1),
            ] {
                for text in [sql.mysql, sql.sqlite] {
                    assert_eq!(text.matches('?').count(), parameters, "{text}");
                }
            }
        }
        let statements = together.of_rows(&TABLE, 3);
        assert_eq!(statements.padded(&["a", "b", "c"]).copied().collect::<String>(), "abcc");
        assert!(statements.claims.sqlite.ends_with("FROM jobs WHERE message_id IN (?, ?, ?, ?)"));
    }
}
