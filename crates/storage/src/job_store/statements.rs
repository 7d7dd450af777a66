//! The statements on the table of a job.

use crate::database::Sql;
use crate::retention::Expiring;

/// The number of ids that one statement marks as published.
pub(super) const MARKED: usize = 50;

/// The statements on the table of a job, made by [`job_statements!`](crate::job_statements).
#[derive(Clone, Copy, Debug)]
pub struct JobStatements {
    #[doc(hidden)]
    pub table: &'static str,
    #[doc(hidden)]
    pub verdict: &'static str,
    #[doc(hidden)]
    pub insert: Sql,
    #[doc(hidden)]
    pub by_message: Sql,
    #[doc(hidden)]
    pub by_id: Sql,
    #[doc(hidden)]
    pub by_lease: Sql,
    #[doc(hidden)]
    pub page: Sql,
    #[doc(hidden)]
    pub count: Sql,
    #[doc(hidden)]
    pub reclaim: Sql,
    #[doc(hidden)]
    pub finish: Sql,
    #[doc(hidden)]
    pub finished_by: Sql,
    #[doc(hidden)]
    pub release: Sql,
    #[doc(hidden)]
    pub due: Sql,
    #[doc(hidden)]
    pub lease: Sql,
    #[doc(hidden)]
    pub waiting: Sql,
    #[doc(hidden)]
    pub results_published: Sql,
    #[doc(hidden)]
    pub requests_published: Sql,
    #[doc(hidden)]
    pub in_progress: Sql,
    #[doc(hidden)]
    pub erase: Sql,
    #[doc(hidden)]
    pub old: Expiring,
}

/// Makes the [`JobStatements`](crate::job_store::JobStatements) of a table.
///
/// `verdict` is the column with the truth value of the verdict, `question` the columns of the
/// question, and `parameters` one `?` for each of these.
#[macro_export]
macro_rules! job_statements {
    (table: $table:literal, verdict: $verdict:literal, question: $question:literal, parameters: $parameters:literal,) => {
        $crate::job_store::JobStatements {
            table: $table,
            verdict: $verdict,
            // Creates a record with its first claim.
            insert: $crate::database::Sql::same(concat!(
                "INSERT INTO ", $table, " (id, message_id, status, received_at, traceparent, tracestate, claim, ",
                "claimed_until, given_message_id, correlation_id, reply_to, requested_by, request_id, ",
                "outbox_due_at, outbox, ", $question, ") ",
                "VALUES (?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'REQUEST', ", $parameters, ")"
            )),
            by_message: $crate::job_statements!(@select $table, $question, "WHERE message_id = ?"),
            by_id: $crate::job_statements!(@select $table, $question, "WHERE id = ?"),
            by_lease: $crate::job_statements!(@select $table, $question, "WHERE outbox_lease = ?"),
            page: $crate::job_statements!(
                @select $table, $question, "WHERE id_citizen = ? ORDER BY received_at DESC, id DESC LIMIT ? OFFSET ?"
            ),
            count: $crate::database::Sql::same(concat!("SELECT COUNT(*) FROM ", $table, " WHERE id_citizen = ?")),
            // Takes over a claim that has expired, and postpones the request in the outbox. A row of a
            // release that did not put every pending row into the outbox may have no time there.
            reclaim: $crate::database::Sql {
                mysql: $crate::job_statements!(@reclaim $table, "GREATEST"),
                sqlite: $crate::job_statements!(@reclaim $table, "MAX"),
            },
            // Finishes a job. Only the holder of the claim can do it, and only once.
            finish: $crate::database::Sql::same(concat!(
                "UPDATE ", $table, " SET status = ?, ", $verdict, " = ?, external_api_status_code = ?, ",
                "external_api_response = ?, error_message = ?, processed_at = ?, outbox = 'RESULT', ",
                "outbox_due_at = ?, outbox_lease = NULL ",
                "WHERE message_id = ? AND status = 'PENDING' AND claim = ?"
            )),
            // Finds out whether this claim has finished the job at this time. It reads only the id,
            // because it runs for every job.
            finished_by: $crate::database::Sql::same(concat!(
                "SELECT id FROM ", $table, " WHERE message_id = ? AND claim = ? AND processed_at = ?"
            )),
            release: $crate::database::Sql::same(concat!(
                "UPDATE ", $table, " SET claimed_until = ? WHERE message_id = ? AND status = 'PENDING' AND claim = ?"
            )),
            // Finds out whether anything is due. It runs before `lease` because it takes no lock.
            due: $crate::database::Sql::same(concat!("SELECT id FROM ", $table, " WHERE outbox_due_at <= ? LIMIT 1")),
            lease: $crate::database::Sql {
                mysql: concat!(
                    "UPDATE ", $table, " SET outbox_lease = ?, outbox_due_at = ? ",
                    "WHERE outbox_due_at <= ? ORDER BY outbox_due_at LIMIT ?"
                ),
                sqlite: concat!(
                    "UPDATE ", $table, " SET outbox_lease = ?, outbox_due_at = ? WHERE id IN ",
                    "(SELECT id FROM ", $table, " WHERE outbox_due_at <= ? ORDER BY outbox_due_at LIMIT ?)"
                ),
            },
            // Reads at most ten thousand rows: more would cost the database more and tell an operator
            // nothing new.
            waiting: $crate::database::Sql {
                mysql: concat!(
                    "SELECT DATE_FORMAT(MIN(pending), '%Y-%m-%d %H:%i:%s.%f'), ",
                    "DATE_FORMAT(MIN(unpublished), '%Y-%m-%d %H:%i:%s.%f') FROM ",
                    $crate::job_statements!(@waiting $table)
                ),
                sqlite: concat!(
                    "SELECT MIN(pending), MIN(unpublished) FROM ", $crate::job_statements!(@waiting $table)
                ),
            },
            results_published: $crate::job_statements!(
                @mark $table, "event_published_at = COALESCE(event_published_at, ?), outbox = NULL, outbox_due_at = NULL",
                "RESULT"
            ),
            requests_published: $crate::job_statements!(@mark $table, "outbox_due_at = ?", "REQUEST"),
            // A record in the outbox is needed until its result is published.
            in_progress: $crate::database::Sql::same(concat!(
                "SELECT COUNT(*) FROM ", $table, " WHERE id_citizen = ? AND (status = 'PENDING' OR outbox IS NOT NULL)"
            )),
            erase: $crate::database::Sql::same(concat!(
                "DELETE FROM ", $table, " WHERE id_citizen = ? AND status <> 'PENDING' AND outbox IS NULL"
            )),
            old: $crate::expiring!(
                table: $table,
                time: "received_at",
                change: "DELETE",
                condition: "status <> 'PENDING' AND outbox IS NULL",
            ),
        }
    };
    (@reclaim $table:literal, $later:literal) => {
        concat!(
            "UPDATE ", $table, " SET claim = ?, claimed_until = ?, outbox = 'REQUEST', ",
            "outbox_due_at = ", $later, "(COALESCE(outbox_due_at, ?), ?) ",
            "WHERE message_id = ? AND status = 'PENDING' AND claimed_until <= ?"
        )
    };
    (@select $table:literal, $question:literal, $condition:literal) => {
        $crate::database::Sql {
            mysql: concat!(
                "SELECT id, message_id, status, external_api_status_code, external_api_response, error_message, ",
                "DATE_FORMAT(received_at, '%Y-%m-%d %H:%i:%s.%f'), DATE_FORMAT(processed_at, '%Y-%m-%d %H:%i:%s.%f'), ",
                "DATE_FORMAT(event_published_at, '%Y-%m-%d %H:%i:%s.%f'), traceparent, tracestate, claim, ",
                "DATE_FORMAT(claimed_until, '%Y-%m-%d %H:%i:%s.%f'), given_message_id, correlation_id, reply_to, ",
                "requested_by, request_id, ", $question, " FROM ", $table, " ", $condition
            ),
            sqlite: concat!(
                "SELECT id, message_id, status, external_api_status_code, external_api_response, error_message, ",
                "received_at, processed_at, event_published_at, traceparent, tracestate, claim, claimed_until, ",
                "given_message_id, correlation_id, reply_to, requested_by, request_id, ", $question, " FROM ", $table, " ", $condition
            ),
        }
    };
    (@waiting $table:literal) => {
        concat!(
            "(SELECT CASE outbox WHEN 'RESULT' THEN NULL ELSE received_at END AS pending, ",
            "CASE outbox WHEN 'RESULT' THEN processed_at END AS unpublished FROM ", $table, " ",
            "WHERE outbox_due_at IS NOT NULL ORDER BY outbox_due_at LIMIT 10000) AS waiting"
        )
    };
    // Has as many parameters for ids as `MARKED` says.
    (@mark $table:literal, $change:literal, $event:literal) => {
        $crate::database::Sql::same(concat!(
            "UPDATE ", $table, " SET ", $change, ", outbox_lease = NULL ",
            "WHERE outbox = '", $event, "' AND id IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ",
            "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_the_parameters_that_the_store_gives() {
        let statements = crate::job_statements!(
            table: "jobs",
            verdict: "verdict",
            question: "id_citizen, url",
            parameters: "?, ?",
        );
        for (sql, parameters) in [
            (statements.insert, 15),
            (statements.by_message, 1),
            (statements.by_id, 1),
            (statements.by_lease, 1),
            (statements.page, 3),
            (statements.count, 1),
            (statements.reclaim, 6),
            (statements.finish, 9),
            (statements.finished_by, 3),
            (statements.release, 3),
            (statements.due, 1),
            (statements.lease, 4),
            (statements.waiting, 0),
            (statements.results_published, MARKED + 1),
            (statements.requests_published, MARKED + 1),
            (statements.in_progress, 1),
            (statements.erase, 1),
            (statements.old.find, 3),
            (statements.old.change, 3),
        ] {
            for text in [sql.mysql, sql.sqlite] {
                assert_eq!(text.matches('?').count(), parameters, "{text}");
                assert!(text.contains("jobs ") || text.contains("jobs("), "{text}");
            }
        }
    }
}
