//! The questions of jobs and their records.

use super::claim::{Correlation, Requester};
use super::message_id::MessageId;
use super::outcome::{Outcome, Status, Verdict};
use super::submission::{RequestError, Submission};
use crate::citizen::CitizenId;
use crate::time::Timestamp;
use crate::trace::TraceContext;
use serde_json::{Map, Value};
use std::fmt::Debug;

/// The question of a job. This trait is what a job defines; claims, records, the outbox and the
/// settlement of messages are the same for all jobs.
pub trait Question: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The registry's verdict on the question.
    type Verdict: Verdict;

    /// Parses a request (messages contract), in a message or in an HTTP body. Unknown fields are
    /// ignored. The functions in [`submission`](super::submission) parse what many jobs have.
    fn parse(bytes: &[u8]) -> Result<Submission<Self>, RequestError>;

    /// Returns the citizen whom the question is about.
    fn citizen(&self) -> &CitizenId;

    /// Returns the fields of the message that asks the question, without the message id.
    fn to_message(&self) -> Map<String, Value>;

    /// Returns the fields that only this job adds to the event with the result of a finished
    /// record.
    fn result_fields(record: &Record<Self>) -> Map<String, Value>;
}

/// The record of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<Q> {
    /// The id of the record.
    pub id: String,
    /// The id of the request.
    pub message_id: MessageId,
    /// The request.
    pub request: Q,
    /// The state.
    pub status: Status,
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
    /// What the result repeats of the request.
    pub correlation: Correlation,
    /// Who asked first.
    pub requester: Requester,
    /// The trace context of the request.
    pub trace: Option<TraceContext>,
}

impl<Q: Question> Record<Q> {
    /// Writes the outcome to the record.
    pub fn finish(&mut self, outcome: &Outcome, at: Timestamp) {
        self.status = outcome.status();
        self.status_code = outcome.status_code();
        self.response = outcome.response().map(str::to_owned);
        self.error_message = outcome.message().map(str::to_owned);
        self.processed_at = Some(at);
    }

    /// Returns the event with the result (messages contract), or `None` if the record is pending.
    ///
    /// The event depends only on the record, so a repeated event has the same content.
    pub fn result(&self) -> Option<Value> {
        let processed_at = self.processed_at.filter(|_| self.status.is_final())?;
        let mut event = self.message(self.message_id.as_str());
        event.extend(Q::result_fields(self));
        event.insert("status".into(), self.status.as_str().into());
        event.insert("externalApiStatusCode".into(), self.status_code.into());
        event.insert("processedAt".into(), processed_at.to_rfc3339_millis().into());
        Some(event.into())
    }

    /// Returns the request as a message for the queue (messages contract). Its id says that it is the
    /// request of this record.
    pub fn request_event(&self) -> Value {
        self.message(&self.request_id()).into()
    }

    /// Returns the id of the message that hands the request to the queue.
    pub fn request_id(&self) -> String {
        MessageId::of_record(&self.id)
    }

    fn message(&self, message_id: &str) -> Map<String, Value> {
        let mut message = self.request.to_message();
        message.insert("messageId".into(), message_id.into());
        message
    }
}
