//! Rows of the tables of jobs.

use super::statements::JobStatements;
use crate::database::{Row, Value};
use crate::retention::Expiring;
use connectivity_domain::job::{Claim, Correlation, MessageId, Outcome, Question, Record, Requester, Status};
use connectivity_domain::time::Timestamp;
use connectivity_domain::trace::TraceContext;

/// The table of a job. It has the columns that all jobs have, and those of the question, one of
/// which is `id_citizen`.
pub trait JobTable: 'static {
    /// The question of the job.
    type Question: Question;

    /// The statements, made by [`job_statements!`](crate::job_statements).
    const STATEMENTS: JobStatements;

    /// Returns the values of the question's columns.
    fn values(question: &Self::Question) -> Vec<Value>;

    /// Returns the question whose columns have these values, or `None` if the values are not those
    /// of a question.
    fn question(values: Vec<Value>) -> Option<Self::Question>;

    /// What becomes of old records before they are deleted, because a part of them is not kept as long
    /// as the rest; made by [`expiring!`](crate::expiring).
    const SENSITIVE: Option<Expiring> = None;

    /// Counts a finished job in the metrics.
    fn count(status: Status);
}

/// The number of columns that all jobs have in the statements that select records.
const COMMON: usize = 18;

/// A row: the record and its claim.
pub(super) struct Stored<Q> {
    pub(super) record: Record<Q>,
    pub(super) claim: String,
    pub(super) claimed_until: Timestamp,
}

/// Returns the parameters of the statement that inserts the record of a claim.
pub(super) fn inserted<T: JobTable>(claim: &Claim<T::Question>) -> Vec<Value> {
    let common = [
        Value::text(&claim.id),
        Value::text(claim.message_id.key()),
        Value::time(claim.at),
        Value::optional(claim.trace.as_ref().map(|trace| trace.traceparent.as_str())),
        Value::optional(claim.trace.as_ref().and_then(|trace| trace.tracestate.as_deref())),
        Value::text(&claim.token),
        Value::time(claim.until),
        Value::optional(claim.message_id.text_beside_key()),
        Value::optional(claim.correlation.id.as_deref()),
        Value::optional(claim.correlation.reply_to.as_deref()),
        Value::optional(claim.requester.subject.as_deref()),
        Value::optional(claim.requester.request_id.as_deref()),
        Value::time(claim.enqueue_at),
    ];
    common.into_iter().chain(T::values(&claim.request)).collect()
}

/// Returns the values of the columns that finishing a job sets.
pub(super) fn finished(outcome: &Outcome, at: Timestamp, due: Timestamp) -> [Value; 7] {
    [
        Value::text(outcome.status().as_str()),
        outcome.status().verdict().map_or(Value::Null, Value::truth),
        outcome.status_code().map_or(Value::Null, |code| Value::Integer(code.into())),
        Value::optional(outcome.response()),
        Value::optional(outcome.message()),
        Value::time(at),
        Value::time(due),
    ]
}

/// Reads a row of the statements that select records.
pub(super) fn stored<T: JobTable>(mut row: Row) -> Option<Stored<T::Question>> {
    if row.len() < COMMON {
        return None;
    }
    let question = row.split_off(COMMON);
    let [
        id,
        message_id,
        status,
        code,
        response,
        error,
        received,
        processed,
        published,
        traceparent,
        tracestate,
        claim,
        claimed_until,
        given_message_id,
        correlation_id,
        reply_to,
        requested_by,
        request_id,
    ] = <[Value; COMMON]>::try_from(row).ok()?;
    let status_code = match code {
        Value::Integer(code) => Some(u16::try_from(code).ok()?),
        Value::Null | Value::Text(_) => None,
    };
    let tracestate = tracestate.into_text();
    let record = Record {
        id: id.into_text()?,
        message_id: MessageId::stored(&message_id.into_text()?, given_message_id.into_text().as_deref())?,
        request: T::question(question)?,
        status: Status::parse(&status.into_text()?)?,
        status_code,
        response: response.into_text(),
        error_message: error.into_text(),
        received_at: received.into_time()?,
        processed_at: processed.into_time(),
        event_published_at: published.into_time(),
        correlation: Correlation { id: correlation_id.into_text(), reply_to: reply_to.into_text() },
        requester: Requester { subject: requested_by.into_text(), request_id: request_id.into_text() },
        trace: traceparent.into_text().and_then(|parent| TraceContext::parse(&parent, tracestate.as_deref())),
    };
    Some(Stored { record, claim: claim.into_text()?, claimed_until: claimed_until.into_time()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_domain::citizen::CitizenId;
    use connectivity_domain::document::{Authenticity, DocumentRequest, DocumentUrl};
    use connectivity_domain::job::Origin;
    use connectivity_domain::verdict::Evidence;

    struct Documents;

    impl JobTable for Documents {
        type Question = DocumentRequest;

        const STATEMENTS: JobStatements = crate::job_statements!(
            table: "documents",
            verdict: "authentic",
            question: "id_citizen, url",
            parameters: "?, ?",
        );

        fn values(question: &DocumentRequest) -> Vec<Value> {
            vec![Value::text(question.citizen.as_str()), Value::text(question.url.as_str())]
        }

        fn question(values: Vec<Value>) -> Option<DocumentRequest> {
            let [citizen, url] = <[Value; 2]>::try_from(values).ok()?;
            Some(DocumentRequest {
                citizen: CitizenId::of_record(&citizen.into_text()?)?,
                url: DocumentUrl::parse(&url.into_text()?).ok()?,
                title: "title".into(),
                document_id: None,
            })
        }

        fn count(_status: Status) {}
    }

    fn claim(message_id: MessageId) -> Claim<DocumentRequest> {
        let values = vec![Value::text("1128456232"), Value::text("https://host/file")];
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        Claim {
            id: "id".into(),
            token: "token".into(),
            message_id,
            request: Documents::question(values).expect("a question"),
            origin: Origin::Queue,
            enqueue_at: Timestamp::from_micros(1_800_000_900_000_000),
            correlation: Correlation { id: Some("Ñ 1".into()), reply_to: None },
            requester: Requester { subject: Some("operator".into()), request_id: Some("r-1".into()) },
            trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("vendor=1")),
            at,
            until: Timestamp::from_micros(1_800_000_030_000_000),
        }
    }

    /// Returns the row that the database has after the claim and the outcome.
    fn row(claim: &Claim<DocumentRequest>, outcome: Option<&Outcome>) -> Row {
        let [
            id,
            message_id,
            at,
            parent,
            state,
            token,
            until,
            given,
            correlation,
            reply_to,
            by,
            request_id,
            _,
            citizen,
            url,
        ] = <[Value; 15]>::try_from(inserted::<Documents>(claim)).expect("fifteen values");
        let [status, _, code, response, error, processed, _] = match outcome {
            Some(outcome) => finished(outcome, claim.until, claim.until),
            None => [(); 7].map(|()| Value::Null),
        };
        let status = if outcome.is_some() { status } else { Value::text("PENDING") };
        let published = Value::Null;
        vec![
            id,
            message_id,
            status,
            code,
            response,
            error,
            at,
            processed,
            published,
            parent,
            state,
            token,
            until,
            given,
            correlation,
            reply_to,
            by,
            request_id,
            citizen,
            url,
        ]
    }

    #[test]
    fn record_is_read_as_it_was_written() {
        let message_id = MessageId::parse("m-1").expect("an id");
        for claim in [claim(message_id.clone().over_http("operator")), claim(message_id)] {
            check(&claim);
        }
    }

    fn check(claim: &Claim<DocumentRequest>) {
        let pending = stored::<Documents>(row(claim, None)).expect("a record");
        assert_eq!((pending.record, pending.claim.as_str()), (claim.pending_record(), "token"));
        assert_eq!(pending.claimed_until, claim.until);
        let evidence = Evidence { status: 200, body: Some("\"body\"".into()) };
        let outcome = Outcome::from_answer(&Ok(Authenticity::Authenticated(evidence)));
        let mut expected = claim.pending_record();
        expected.finish(&outcome, claim.until);
        assert_eq!(stored::<Documents>(row(claim, Some(&outcome))).expect("a record").record, expected);
    }

    #[test]
    fn malformed_rows_are_not_read() {
        let row = row(&claim(MessageId::digest(b"m")), None);
        for column in [0, 1, 2, 6, 11, 12, 18, 19] {
            let mut malformed = row.clone();
            malformed[column] = Value::Null;
            assert!(stored::<Documents>(malformed).is_none(), "column {column}");
        }
        assert!(stored::<Documents>(row[..19].to_vec()).is_none());
        assert!(stored::<Documents>(row[..3].to_vec()).is_none());
    }
}
