//! The record of a document authentication (records contract, `document_authentications`).
//!
//! A record starts as `PENDING` and becomes `SUCCESS`, `FAILED` or `ERROR`. These three are final.

use super::claim::Claim;
use super::request::{DocumentRequest, MessageId};
use crate::registry::RegistryError;
use crate::time::Timestamp;
use crate::trace::TraceContext;
use crate::verdict::Evidence;
use serde_json::{Value, json};

/// The registry's verdict on a document, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticity {
    /// The document is authentic.
    Authenticated(Evidence),
    /// The registry did not authenticate the document.
    Rejected(Evidence),
}

/// The state of a document authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentStatus {
    /// There is no verdict yet.
    Pending,
    /// The registry authenticated the document.
    Success,
    /// The registry did not authenticate the document.
    Failed,
    /// The last attempt ended without a verdict.
    Error,
}

impl DocumentStatus {
    /// Returns the name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
        }
    }

    /// Parses a name that [`DocumentStatus::as_str`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Success, Self::Failed, Self::Error].into_iter().find(|status| status.as_str() == text)
    }

    /// Returns whether the state is final.
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending => false,
            Self::Success | Self::Failed | Self::Error => true,
        }
    }

    /// Returns whether the registry authenticated the document; `None` without a verdict.
    pub fn auth_success(self) -> Option<bool> {
        match self {
            Self::Success => Some(true),
            Self::Failed => Some(false),
            Self::Pending | Self::Error => None,
        }
    }
}

/// The final result of a document authentication. It can only be constructed from the registry's
/// answer, by [`Outcome::from_answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    status: DocumentStatus,
    status_code: Option<u16>,
    response: Option<String>,
    message: Option<String>,
}

impl Outcome {
    /// Constructs the outcome of an answer. Only [`Authenticity::Authenticated`] is a success.
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
                let message = "the registry rejected the question as invalid".to_owned();
                (DocumentStatus::Error, Some(it.status), it.body.clone(), Some(message))
            }
            Err(RegistryError::UnexpectedResponse(it)) => {
                let message = "the registry's response was not understood".to_owned();
                (DocumentStatus::Error, Some(it.status), it.body.clone(), Some(message))
            }
        };
        Self { status, status_code, response, message }
    }

    /// Returns the final state.
    pub fn status(&self) -> DocumentStatus {
        self.status
    }

    /// Returns the status code of the registry's response, if there was one.
    pub fn status_code(&self) -> Option<u16> {
        self.status_code
    }

    /// Returns the body of the registry's response as JSON text.
    pub fn response(&self) -> Option<&str> {
        self.response.as_deref()
    }

    /// Describes why the outcome is not a success.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

/// A record of a document authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRecord {
    /// The id of the record.
    pub id: String,
    /// The id of the request.
    pub message_id: MessageId,
    /// The request.
    pub request: DocumentRequest,
    /// The state.
    pub status: DocumentStatus,
    /// The status code of the registry's response.
    pub status_code: Option<u16>,
    /// The body of the registry's response as JSON text.
    pub response: Option<String>,
    /// Why the result is not a success.
    pub error_message: Option<String>,
    /// When the request was first received.
    pub received_at: Timestamp,
    /// When the state became final.
    pub processed_at: Option<Timestamp>,
    /// When the broker had confirmed the event with the result.
    pub event_published_at: Option<Timestamp>,
    /// The trace context of the request.
    pub trace: Option<TraceContext>,
}

impl DocumentRecord {
    /// Returns the pending record that the first claim on a request creates.
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

    /// Writes the outcome to the record.
    pub fn finish(&mut self, outcome: &Outcome, at: Timestamp) {
        self.status = outcome.status;
        self.status_code = outcome.status_code;
        self.response.clone_from(&outcome.response);
        self.error_message.clone_from(&outcome.message);
        self.processed_at = Some(at);
    }

    /// Returns the event with the result (messages contract), or `None` if the record is pending.
    ///
    /// The event depends only on the record, so a repeated event has the same content.
    pub fn result(&self) -> Option<Value> {
        let processed_at = self.processed_at.filter(|_| self.status.is_final())?;
        let mut event = self.request_event();
        event["authSuccess"] = (self.status == DocumentStatus::Success).into();
        event["status"] = self.status.as_str().into();
        event["externalApiStatusCode"] = self.status_code.into();
        event["processedAt"] = processed_at.to_rfc3339_millis().into();
        Some(event)
    }

    /// Returns the request as a message (messages contract).
    pub fn request_event(&self) -> Value {
        let DocumentRequest { citizen, url, title, document_id } = &self.request;
        let citizen: Value = citizen.as_str().parse::<u64>().map_or(Value::Null, Value::from);
        json!({"idCitizen": citizen, "UrlDocument": url.as_str(), "documentTitle": title,
               "messageId": self.message_id.as_str(), "documentId": document_id})
    }
}
