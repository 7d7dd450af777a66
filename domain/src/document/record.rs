//! The record of an authentication (records contract, `document_authentications`), and its states:
//! `PENDING` becomes `SUCCESS`, `FAILED` or `ERROR`, and nothing becomes anything else.

use super::{Authenticity, Claim, DocumentRequest, MessageId};
use crate::registry::RegistryError;
use crate::time::Timestamp;
use crate::trace::TraceContext;
use serde_json::{Value, json};

/// Where an authentication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentStatus {
    /// Without a verdict so far.
    Pending,
    /// The registry authenticated it.
    Success,
    /// The registry looked and said no.
    Failed,
    /// There was no verdict, and nobody tries any more.
    Error,
}

impl DocumentStatus {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
        }
    }

    /// Reads what [`DocumentStatus::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Success, Self::Failed, Self::Error].into_iter().find(|status| status.as_str() == text)
    }

    /// Does it stay as it is?
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending => false,
            Self::Success | Self::Failed | Self::Error => true,
        }
    }

    /// What the registry's verdict was, if there was one.
    pub fn auth_success(self) -> Option<bool> {
        match self {
            Self::Success => Some(true),
            Self::Failed => Some(false),
            Self::Pending | Self::Error => None,
        }
    }
}

/// How an authentication ends. It can only be made of what the registry answered, by [`Outcome::from_answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    status: DocumentStatus,
    status_code: Option<u16>,
    response: Option<String>,
    message: Option<String>,
}

impl Outcome {
    /// The end of an answer. Only a registry that said "authenticated" makes it a success.
    pub fn from_answer(answer: &Result<Authenticity, RegistryError>) -> Self {
        let (status, status_code, response, message) = match answer {
            Ok(Authenticity::Authenticated(it)) => (DocumentStatus::Success, Some(it.status), it.body.clone(), None),
            Ok(Authenticity::Rejected(it)) => {
                let message = "the registry did not authenticate the document".to_owned();
                (DocumentStatus::Failed, Some(it.status), it.body.clone(), Some(message))
            }
            Err(RegistryError::Unavailable(none)) => {
                (DocumentStatus::Error, none.status, None, Some(none.cause.describe().to_owned()))
            }
            Err(RegistryError::Refused(it)) => {
                let message = "the registry refused the question".to_owned();
                (DocumentStatus::Error, Some(it.status), it.body.clone(), Some(message))
            }
            Err(RegistryError::UnexpectedResponse(it)) => {
                let message = "the registry's answer cannot be understood".to_owned();
                (DocumentStatus::Error, Some(it.status), it.body.clone(), Some(message))
            }
        };
        Self { status, status_code, response, message }
    }

    /// The final status.
    pub fn status(&self) -> DocumentStatus {
        self.status
    }

    /// The registry's own status code, if it answered.
    pub fn status_code(&self) -> Option<u16> {
        self.status_code
    }

    /// What the registry said, JSON text.
    pub fn response(&self) -> Option<&str> {
        self.response.as_deref()
    }

    /// A sentence on why it is no success.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRecord {
    /// Its id.
    pub id: String,
    /// The request's.
    pub message_id: MessageId,
    /// What was asked.
    pub request: DocumentRequest,
    /// Where it stands.
    pub status: DocumentStatus,
    /// The registry's own status code.
    pub status_code: Option<u16>,
    /// What the registry said, JSON text.
    pub response: Option<String>,
    /// Why it is no success.
    pub error_message: Option<String>,
    /// When the request came first.
    pub received_at: Timestamp,
    /// When it became final.
    pub processed_at: Option<Timestamp>,
    /// When the event with its result was known to be published.
    pub event_published_at: Option<Timestamp>,
    /// The trace context of the request.
    pub trace: Option<TraceContext>,
}

impl DocumentRecord {
    /// The record that a first claim makes.
    pub fn pending(claim: &Claim) -> Self {
        Self {
            id: claim.id.clone(),
            message_id: claim.message_id.clone(),
            request: claim.request.clone(),
            status: DocumentStatus::Pending,
            status_code: None,
            response: None,
            error_message: None,
            received_at: claim.at,
            processed_at: None,
            event_published_at: None,
            trace: claim.trace.clone(),
        }
    }

    /// Ends it.
    pub fn finish(&mut self, outcome: &Outcome, at: Timestamp) {
        self.status = outcome.status;
        self.status_code = outcome.status_code;
        self.response.clone_from(&outcome.response);
        self.error_message.clone_from(&outcome.message);
        self.processed_at = Some(at);
    }

    /// The event with the result (messages contract), as soon as there is one. A function of the record and of nothing
    /// else: however often it is made and published, it says the same.
    pub fn result(&self) -> Option<Value> {
        let processed_at = self.processed_at.filter(|_| self.status.is_final())?;
        let mut event = self.request_event();
        event["authSuccess"] = (self.status == DocumentStatus::Success).into();
        event["status"] = self.status.as_str().into();
        event["externalApiStatusCode"] = self.status_code.into();
        event["processedAt"] = processed_at.to_rfc3339_millis().into();
        Some(event)
    }

    /// The request as a message (messages contract).
    pub fn request_event(&self) -> Value {
        let DocumentRequest { citizen, url, title, document_id } = &self.request;
        let citizen: Value = citizen.as_str().parse::<u64>().map_or(Value::Null, Value::from);
        json!({"idCitizen": citizen, "UrlDocument": url.as_str(), "documentTitle": title,
               "messageId": self.message_id.as_str(), "documentId": document_id})
    }
}
