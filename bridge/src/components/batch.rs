//! Several deliveries in one request: its body, and that of the response. See [`crate::delivery`].

use super::problem::Problem;
use crate::delivery::{Answer, Delivered, Finished, HttpDelivery};
use connectivity_domain::job::settlement::Reply;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Batch<'a> {
    deliveries: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    headers: BTreeMap<&'a str, &'a str>,
    body: &'a str,
}

impl<'a> Batch<'a> {
    /// Returns `None` if a body is not text.
    pub(super) fn new(deliveries: &'a [Arc<HttpDelivery>]) -> Option<Self> {
        let part = |delivery: &'a Arc<HttpDelivery>| {
            let headers =
                delivery.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
            Some(Part { headers: headers.collect(), body: std::str::from_utf8(&delivery.body).ok()? })
        };
        Some(Self { deliveries: deliveries.iter().map(part).collect::<Option<_>>()? })
    }
}

#[derive(Deserialize)]
pub(super) struct Answers {
    pub(super) deliveries: Vec<AnswerPart>,
}

#[derive(Deserialize)]
pub(super) struct AnswerPart {
    message_id: Option<String>,
    finished: Option<Finished>,
    problem: Option<ProblemPart>,
}

/// A problem with one delivery. Its status and its `Retry-After` are members.
#[derive(Deserialize)]
struct ProblemPart {
    status: u16,
    retry_after: Option<u64>,
    #[serde(flatten)]
    problem: Problem,
}

impl From<AnswerPart> for Answer {
    fn from(AnswerPart { message_id, finished, problem }: AnswerPart) -> Self {
        let (status, result) = match (finished, problem) {
            (Some(finished), _) => (Some(200), Ok(finished)),
            (None, Some(ProblemPart { status, retry_after, problem })) => {
                (Some(status), Err(problem.reply(status, retry_after)))
            }
            (None, None) => {
                (None, Err(Reply::None("an answer of a batch has neither a result nor a problem".to_owned())))
            }
        };
        Self { status, delivered: Delivered::new(result, message_id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderValue};
    use std::time::Duration;

    fn delivery(body: &'static [u8]) -> Arc<HttpDelivery> {
        let headers = HeaderMap::from_iter([(reqwest::header::VIA, HeaderValue::from_static("x"))]);
        Arc::new(HttpDelivery { headers, body: Bytes::from_static(body) })
    }

    #[test]
    fn bodies_that_are_text_are_sent_as_they_are() {
        let body = "{\"a\": \"é\\u0000\"}\n";
        let deliveries = [delivery(b"not JSON"), delivery(body.as_bytes())];
        let batch = serde_json::to_value(Batch::new(&deliveries)).expect("JSON");
        assert_eq!(
            (&batch["deliveries"][0]["headers"]["via"], &batch["deliveries"][1]["body"]),
            (&"x".into(), &body.into())
        );
        assert!(Batch::new(&[delivery(b"\xff")]).is_none());
    }

    #[test]
    fn each_answer_is_that_of_a_request_of_its_own() {
        let text = r#"{"deliveries": [
            {"message_id": "m", "finished": {"outcome": "done", "event":
                {"id": "i", "kind": "result", "routing_key": "k", "message_id": "e", "body": {}}}},
            {"message_id": null, "problem": {"type": "urn:x:registry-unavailable", "status": 503, "title": "t",
                "retry_after": 5, "asked": false, "detail": "why"}},
            {}]}"#;
        let answers: Answers = serde_json::from_str(text).expect("answers");
        let answers: Vec<_> = answers.deliveries.into_iter().map(Answer::from).collect();
        let problem = Reply::Problem {
            status: 503,
            slug: "registry-unavailable".to_owned(),
            detail: "why".to_owned(),
            retry_after: Some(Duration::from_secs(5)),
            asked: false,
        };
        assert_eq!(
            (&answers[0].delivered.reply, answers[0].delivered.request_id.as_deref()),
            (&Reply::Done, Some("m"))
        );
        assert!(answers[0].delivered.event.is_some());
        assert_eq!((&answers[1].delivered.reply, answers[1].status), (&problem, Some(503)));
        assert!(matches!(answers[2].delivered.reply, Reply::None(_)));
    }
}
