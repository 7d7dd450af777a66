//! The question of the job: is this document authentic?

use super::url::DocumentUrl;
use crate::citizen::CitizenId;
use crate::job::submission::{bounded, citizen, message_id, parse_fields, string};
use crate::job::{Question, Record, RequestError, Status, Submission, Verdict};
use crate::time::Timestamp;
use crate::verdict::Evidence;
use serde::Deserialize;
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

/// The known fields of a request, of any JSON type.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "messageId")]
    message_id: Option<Value>,
    #[serde(rename = "documentId")]
    document_id: Option<Value>,
    #[serde(rename = "idCitizen")]
    citizen: Option<Value>,
    #[serde(rename = "UrlDocument")]
    url: Option<Value>,
    #[serde(rename = "urlDocument")]
    other_url: Option<Value>,
    #[serde(rename = "documentTitle")]
    title: Option<Value>,
}

const REPEATED: &str = "a field appears twice, or UrlDocument and urlDocument have different values";

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

    /// ```
    /// use connectivity_domain::document::Submission;
    ///
    /// let json = br#"{"messageId": "m-1", "idCitizen": 1128456232,
    ///     "UrlDocument": "https://host/file.pdf", "documentTitle": "Diploma"}"#;
    /// let submission = Submission::parse(json).expect("a valid request");
    /// assert_eq!(submission.message_id.expect("an id").as_str(), "m-1");
    /// assert_eq!(submission.request.title, "Diploma");
    ///
    /// let error = Submission::parse(b"{}").expect_err("the fields are missing");
    /// assert_eq!(error.to_string(), "idCitizen is missing");
    /// ```
    fn parse(bytes: &[u8]) -> Result<Submission<Self>, RequestError> {
        let fields: Fields = parse_fields(bytes, REPEATED)?;
        let citizen = citizen("idCitizen", fields.citizen)?;
        let url = match (fields.url, fields.other_url) {
            (Some(one), Some(other)) if one != other => return Err(RequestError::Repeated(REPEATED)),
            (one, other) => one.or(other),
        };
        let url = DocumentUrl::parse(&string("UrlDocument", url)?);
        let url = url.map_err(|what| RequestError::field("UrlDocument", what))?;
        let title = bounded("documentTitle", string("documentTitle", fields.title)?.trim())?;
        let document_id = match fields.document_id {
            None => None,
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::String(text)) => Some(bounded("documentId", &text)?),
            Some(_) => return Err(RequestError::field("documentId", "must be a string or a number")),
        };
        let message_id = message_id("messageId", fields.message_id)?;
        Ok(Submission { message_id, request: Self { citizen, url, title, document_id } })
    }

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
        let is_authentic = record.status == Status::Success;
        let message = match &record.error_message {
            Some(message) => message,
            None if is_authentic => "the registry authenticated the document",
            None => "there is no verdict on the document",
        };
        let fields = [
            ("authSuccess", is_authentic.into()),
            // The Go service for documents reads these, and takes a missing `authenticated` for false.
            ("authenticated", is_authentic.into()),
            ("message", message.into()),
            ("authenticatedAt", record.processed_at.map(Timestamp::to_rfc3339_millis).into()),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }
}
