//! The table `document_authentications`.

use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{DocumentRequest, DocumentUrl};
use connectivity_domain::job::Status;
use connectivity_runtime::metrics;
use connectivity_storage::database::Value;
use connectivity_storage::job_statements;
use connectivity_storage::job_store::{JobStatements, JobTable};
use connectivity_storage::retention::Expiring;

/// The table of the job.
pub(crate) struct Documents;

impl JobTable for Documents {
    type Question = DocumentRequest;

    const STATEMENTS: JobStatements = job_statements!(
        table: "document_authentications",
        verdict: "auth_success",
        question: "document_id, id_citizen, url_document, document_title",
        parameters: "?, ?, ?, ?",
    );

    /// The query of a URL is a credential. A URL without one, and a record that is still needed, are
    /// left alone. `CHAR(63)` is a question mark, which would be a parameter.
    const SENSITIVE: Option<Expiring> = Some(connectivity_storage::expiring!(
        table: "document_authentications",
        time: "received_at",
        change: "UPDATE document_authentications SET url_document = CASE INSTR(url_document, CHAR(63)) WHEN 0
                 THEN url_document ELSE SUBSTR(url_document, 1, INSTR(url_document, CHAR(63)) - 1) END",
        condition: "status <> 'PENDING' AND outbox IS NULL",
    ));

    fn values(question: &DocumentRequest) -> Vec<Value> {
        vec![
            Value::optional(question.document_id.as_deref()),
            Value::text(question.citizen.as_str()),
            Value::text(question.url.as_str()),
            Value::text(&question.title),
        ]
    }

    fn question(values: Vec<Value>) -> Option<DocumentRequest> {
        let [document_id, citizen, url, title] = <[Value; 4]>::try_from(values).ok()?;
        Some(DocumentRequest {
            citizen: CitizenId::of_record(&citizen.into_text()?)?,
            url: DocumentUrl::parse(&url.into_text()?).ok()?,
            title: title.into_text()?,
            document_id: document_id.into_text(),
        })
    }

    fn count(status: Status) {
        metrics::count(&metrics::DOCUMENTS, &[status.as_str()]);
    }
}
