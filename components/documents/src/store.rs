//! The table `document_authentications`.

use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{DocumentRequest, DocumentUrl};
use connectivity_domain::job::Status;
use connectivity_runtime::metrics;
use connectivity_storage::database::Value;
use connectivity_storage::job_statements;
use connectivity_storage::job_store::{JobStatements, JobTable};

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
            citizen: CitizenId::parse(&citizen.into_text()?).ok()?,
            url: DocumentUrl::parse(&url.into_text()?).ok()?,
            title: title.into_text()?,
            document_id: document_id.into_text(),
        })
    }

    fn count(status: Status) {
        metrics::count(&metrics::DOCUMENTS, &[status.as_str()]);
    }
}
