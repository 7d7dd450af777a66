//! The request for checks, and what its response means.

use super::row::Outcome;
use crate::commands::api::{Api, ApiError, Response};
use crate::token::{Refusal, TokenError};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/api/v1/affiliation/checks/";

/// How long a response may take: longer than the deadline of the registry's questions.
const TIMEOUT: Duration = Duration::from_mins(2);

/// What a request has led to.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// A result for each id, in their order.
    Results(Vec<Answer>),
    /// The rate limit leaves fewer calls than the batch has ids.
    RateLimited(RateLimit),
    /// The service cannot answer now.
    Unavailable { why: String, retry_after: Option<Duration> },
}

/// The result for one id.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// When to ask again, if there is no verdict.
    pub(super) retry_after: Option<Duration>,
}

/// What the response says about the rate limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RateLimit {
    /// How many ids are allowed in a window.
    pub(super) quota: Option<u64>,
    /// How many are left in this one.
    pub(super) left: Option<u64>,
    pub(super) retry_after: Option<Duration>,
}

/// A problem (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    r#type: String,
    detail: String,
    retry_after: Option<u64>,
}

/// Checks these citizens.
///
/// # Errors
///
/// The request is refused, and trying again is of no use.
pub(super) async fn check(api: &Api, ids: &[&str]) -> Result<Reply, ApiError> {
    let body = json!({"citizen_ids": ids});
    let mut response = send(api, &body).await;
    if matches!(&response, Ok(response) if response.status == StatusCode::UNAUTHORIZED) {
        // The token was revoked meanwhile, or the keys have changed.
        api.forget_token();
        response = send(api, &body).await;
    }
    let response = match response {
        Ok(response) => response,
        Err(error) => return unavailable(error),
    };
    let rate_limit = rate_limit(&response.headers);
    match response.status {
        StatusCode::TOO_MANY_REQUESTS => Ok(Reply::RateLimited(rate_limit)),
        status if status.is_server_error() => {
            let detail = response.body["detail"].as_str().unwrap_or_default();
            let why = format!("the components answered {}: {detail}", status.as_u16());
            Ok(Reply::Unavailable { why, retry_after: rate_limit.retry_after })
        }
        status if status.is_success() => match response.body {
            Value::Object(mut body) => match body.remove("results") {
                Some(Value::Array(results)) if results.len() == ids.len() => {
                    Ok(Reply::Results(results.into_iter().map(answer).collect()))
                }
                _ => Err(ApiError::Refused(status, "the response does not have a result for each id".to_owned())),
            },
            _ => Err(ApiError::NotJson(status)),
        },
        _ => Err(response.refused()),
    }
}

async fn send(api: &Api, body: &Value) -> Result<Response, ApiError> {
    api.send(Method::POST, PATH, Some(body), TIMEOUT).await
}

/// Returns whether an error is one that passes.
fn unavailable(error: ApiError) -> Result<Reply, ApiError> {
    let retry_after = match &error {
        ApiError::Http(_) | ApiError::Token(TokenError::Http(_)) => None,
        ApiError::Token(TokenError::Refused(Refusal::TooSoon(_, wait))) => Some(*wait),
        ApiError::Token(TokenError::Refused(Refusal::Status(status))) if status.is_server_error() => None,
        // A proxy, for components that are down.
        ApiError::NotJson(status) if status.is_server_error() => None,
        _ => return Err(error),
    };
    Ok(Reply::Unavailable { why: error.to_string(), retry_after })
}

fn rate_limit(headers: &HeaderMap) -> RateLimit {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let seconds = text(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
    RateLimit {
        quota: text("ratelimit-policy").and_then(|text| parameter(text, "q")),
        left: text("ratelimit").and_then(|text| parameter(text, "r")),
        retry_after: seconds.map(Duration::from_secs),
    }
}

/// Returns the number of a parameter, such as 5 for `r` in `"user";r=5;t=30`.
fn parameter(text: &str, name: &str) -> Option<u64> {
    text.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn answer(mut result: Value) -> Answer {
    if let Some(is_eligible) = result["is_eligible"].as_bool() {
        let status = result["external_api_status_code"].as_u64().and_then(|status| u16::try_from(status).ok());
        let data = result["citizen_data"].take();
        return Answer { outcome: Outcome::Verdict { is_eligible, status, data }, retry_after: None };
    }
    let Problem { r#type, detail, retry_after } = serde_json::from_value(result["error"].take()).unwrap_or_default();
    let kind = r#type.rsplit(':').next().unwrap_or_default().to_owned();
    Answer { outcome: Outcome::Error { kind, detail }, retry_after: retry_after.map(Duration::from_secs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_verdicts_or_errors() {
        let verdict = json!({"citizen_id": "1128456231", "is_eligible": false, "external_api_status_code": 200,
                             "citizen_data": "x"});
        let expected = Outcome::Verdict { is_eligible: false, status: Some(200), data: json!("x") };
        assert_eq!(answer(verdict), Answer { outcome: expected, retry_after: None });
        let error = json!({"citizen_id": "1128456231", "error": {"type": "urn:connectivity:problem:registry-unavailable",
                           "detail": "try again", "retry_after": 7}});
        let expected = Outcome::Error { kind: "registry-unavailable".into(), detail: "try again".into() };
        assert_eq!(answer(error), Answer { outcome: expected, retry_after: Some(Duration::from_secs(7)) });
        let nothing = Outcome::Error { kind: String::new(), detail: String::new() };
        assert_eq!(answer(json!({})).outcome, nothing, "never a verdict");
    }

    #[test]
    fn rate_limit_is_read_from_the_headers() {
        assert_eq!(parameter("\"user\";q=1000;w=3600", "q"), Some(1000));
        assert_eq!(parameter("\"user\"; r=0; t=12", "r"), Some(0));
        assert_eq!(parameter("\"user\";r=x", "r"), None);
    }
}
