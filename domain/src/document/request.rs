//! The question of the job: is this document authentic?

use super::url::DocumentUrl;
use crate::citizen::CitizenId;
use crate::job::{Question, Record, Status, Verdict};
use crate::verdict::Evidence;
use serde_json::{Map, Value};

/// A request to authenticate a document (messages contract).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRequest {
    /// The citizen who owns the document.
    pub citizen: CitizenId,
    /// The location of the document.
    pub url: DocumentUrl,
    /// The title of the document: 1 to 200 characters.
    pub title: String,
    /// The id of the document in the system of the caller.
    pub document_id: Option<String>,
}

/// The registry's verdict on a document, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticity {
    /// The document is authentic.
    Authenticated(Evidence),
    /// The registry did not authenticate the document.
    Rejected(Evidence),
}

impl Verdict for Authenticity {
    const NEGATIVE: &'static str = "the registry did not authenticate the document";

    fn is_positive(&self) -> bool {
        match self {
            Self::Authenticated(_) => true,
            Self::Rejected(_) => false,
        }
    }

    fn evidence(&self) -> &Evidence {
        match self {
            Self::Authenticated(evidence) | Self::Rejected(evidence) => evidence,
        }
    }
}

impl Question for DocumentRequest {
    type Verdict = Authenticity;

    fn citizen(&self) -> &CitizenId {
        &self.citizen
    }

    fn to_message(&self) -> Map<String, Value> {
        let citizen: Value = self.citizen.as_str().parse::<u64>().map_or(Value::Null, Value::from);
        let fields = [
            ("idCitizen", citizen),
            ("UrlDocument", self.url.as_str().into()),
            ("documentTitle", self.title.as_str().into()),
            ("documentId", self.document_id.as_deref().into()),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }

    fn result_fields(record: &Record<Self>) -> Map<String, Value> {
        [("authSuccess".to_owned(), (record.status == Status::Success).into())].into_iter().collect()
    }
}
