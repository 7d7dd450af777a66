//! Deliveries of the bridge. The body is that of a message, unchanged; the AMQP properties of the
//! message and the state of its attempts are in headers. `bridge/src/delivery.rs` describes them.

use crate::cloud_event::{Unwrapped, unwrap};
use crate::event::Event;
use crate::job::Job;
use crate::problems::{invalid, unfinished};
use crate::settings::ResultKeys;
use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::job::{Correlation, MessageId, Question, Record, Status, Submission, Unfinished};
use connectivity_edge::problem::Problem;
use connectivity_edge::subject::with_record;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use std::time::Duration;

/// In a delivery the AMQP property `message_id`; in a response the id of the request.
const MESSAGE_ID: &str = "x-message-id";
/// The number of the replay, if the message was replayed from the dead-letter queue.
const REPLAY: &str = "x-replay";
/// The AMQP properties `correlation_id` and `reply_to`, which the result repeats.
const CORRELATION_ID: &str = "x-correlation-id";
const REPLY_TO: &str = "x-reply-to";
/// The age in seconds at which a request without a verdict is given up.
const GIVE_UP_AFTER: &str = "x-give-up-after";
/// `true` if RabbitMQ removed the message from the queue, because it expired for example.
const REMOVED: &str = "x-removed";

/// The longest AMQP property, in bytes (a short string of AMQP 0-9-1).
const MAX_PROPERTY: usize = 255;

/// A delivered request.
pub(crate) struct Delivery<Q> {
    /// The id of the request, or of the request that it replays.
    pub(crate) message_id: MessageId,
    /// The number of the replay.
    pub(crate) replay: Option<u32>,
    pub(crate) request: Q,
    pub(crate) correlation: Correlation,
    pub(crate) give_up_after: Option<Duration>,
    /// The request is finished without asking the registry.
    pub(crate) is_removed: bool,
}

/// The answer to a delivery: the finished record, or why the request is not finished.
pub(crate) struct Answer<Q> {
    /// The id of the request, if the delivery could be read.
    pub(crate) message_id: Option<MessageId>,
    pub(crate) result: Result<Record<Q>, Problem>,
}

/// The response to a delivery of a finished request.
#[derive(Serialize)]
pub(crate) struct Finished<'a> {
    outcome: &'static str,
    event: Event<'a>,
}

/// Reads a delivery. The id of the request is the `messageId` in the body, else that of the event, else
/// the AMQP `message_id`, else a digest of the body.
pub(crate) fn read<J: Job>(headers: &HeaderMap, body: &[u8]) -> Result<Delivery<J::Question>, Problem> {
    let Unwrapped { request: content, id } = unwrap(body);
    let Submission { message_id, request } = Submission::parse(&content).map_err(|error| invalid::<J>(&error))?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let given = text(MESSAGE_ID).and_then(|id| MessageId::parse(id).ok());
    let message_id = message_id.or(id).or(given).unwrap_or_else(|| MessageId::digest(&content));
    let replay = text(REPLAY).and_then(|number| number.parse().ok()).filter(|number| *number > 0);
    let property = |name| text(name).filter(|text| text.len() <= MAX_PROPERTY).map(str::to_owned);
    let correlation = Correlation { id: property(CORRELATION_ID), reply_to: property(REPLY_TO) };
    let give_up_after = text(GIVE_UP_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let is_removed = text(REMOVED) == Some("true");
    Ok(Delivery { message_id, replay, request, correlation, give_up_after, is_removed })
}

impl<'a> Finished<'a> {
    pub(crate) fn new<Q: Question>(record: &'a Record<Q>, keys: &'a ResultKeys) -> Self {
        let outcome = if record.status == Status::Error { "done-without-verdict" } else { "done" };
        Self { outcome, event: Event::new(record, keys) }
    }
}

impl<Q: Question> Answer<Q> {
    pub(crate) fn new<J: Job>(message_id: &MessageId, performed: Result<Record<Q>, Unfinished>) -> Self {
        let result = performed.map_err(|error| unfinished::<J>(&error));
        Self { message_id: Some(message_id.clone()), result }
    }

    /// The answer to a delivery that cannot be read.
    pub(crate) fn refused(problem: Problem) -> Self {
        Self { message_id: None, result: Err(problem) }
    }

    /// Returns the response to a single delivery.
    pub(crate) fn into_response(self, keys: &ResultKeys) -> Response {
        let mut response = match self.result {
            Ok(record) => with_record(Json(Finished::new(&record, keys)).into_response(), &record.id),
            Err(problem) => problem.into_response(),
        };
        // A message id has visible ASCII characters only.
        if let Some(Ok(id)) = self.message_id.map(|id| HeaderValue::from_str(id.as_str())) {
            response.headers_mut().insert(MESSAGE_ID, id);
        }
        response
    }
}
