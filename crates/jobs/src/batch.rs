//! Batches of deliveries: several messages in one request of the bridge. Each has the headers and the
//! body that its own request would have (see [`crate::delivery`]), and an answer of its own.

use crate::delivery::{Answer, Finished};
use crate::settings::ResultKeys;
use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::job::{MAX_TOGETHER, MessageId, Question};
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::json_body::read_json;
use connectivity_edge::problem::{Problem, ProblemPart};
use connectivity_edge::subject::with_records;
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::request_context::RequestContext;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The body of a batch.
#[derive(Deserialize)]
struct Deliveries {
    deliveries: Vec<Delivered>,
}

/// A delivery in a batch.
#[derive(Deserialize)]
pub(crate) struct Delivered {
    headers: BTreeMap<String, String>,
    /// The body of the message.
    pub(crate) body: String,
}

/// The response to a batch, with an answer for each delivery in their order.
#[derive(Serialize)]
struct Answers<'a> {
    deliveries: Vec<AnswerPart<'a>>,
}

#[derive(Serialize)]
struct AnswerPart<'a> {
    message_id: Option<&'a str>,
    #[serde(flatten)]
    body: Body<'a>,
}

/// The body of the response to a single delivery, under a name that tells which one it is.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Body<'a> {
    Finished(Finished<'a>),
    Problem(&'a ProblemPart),
}

/// Reads a batch of 1 to [`MAX_TOGETHER`] deliveries.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Delivered>, Problem> {
    let Deliveries { deliveries } = read_json(headers, body)?;
    if (1..=MAX_TOGETHER).contains(&deliveries.len()) {
        return Ok(deliveries);
    }
    let detail = format!("there are {} deliveries: send 1 to {MAX_TOGETHER} in a request", deliveries.len());
    Err(Problem::new(ProblemKind::InvalidRequest, detail).field("deliveries"))
}

impl Delivered {
    /// Returns the headers. One that is not valid is left out.
    pub(crate) fn headers(&self) -> HeaderMap {
        let parse = |(name, value): (&String, &String)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
        };
        self.headers.iter().filter_map(parse).collect()
    }
}

/// Logs the answer to a delivery, which shares its request with others.
pub(crate) fn log_answer<Q>(context: &RequestContext, answer: &Answer<Q>) {
    let (status, record) = match &answer.result {
        Ok(record) => (200, Some(record.id.as_str())),
        Err(problem) => (problem.kind().status(), None),
    };
    let trace = context.trace.as_ref().map(|trace| trace.trace_id().to_owned());
    let level = if status >= 500 { Level::Warn } else { Level::Info };
    log::line(level, "delivery", &[("status", status.into()), ("record", record.into()), ("trace_id", trace.into())]);
}

/// Returns the response to a batch.
pub(crate) fn respond<Q: Question>(answers: Vec<Answer<Q>>, keys: &ResultKeys) -> Response {
    let answers: Vec<_> = answers.into_iter().map(|it| (it.message_id, it.result.map_err(ProblemPart::from))).collect();
    let finished = answers.iter().filter(|(_, result)| result.is_ok()).count();
    let parts = answers.iter().map(|(message_id, result)| AnswerPart {
        message_id: message_id.as_ref().map(MessageId::as_str),
        body: match result {
            Ok(record) => Body::Finished(Finished::new(record, keys)),
            Err(problem) => Body::Problem(problem),
        },
    });
    with_records(Json(Answers { deliveries: parts.collect() }).into_response(), finished)
}
