//! From the errors of the domain to problems, one `match` each.

use crate::job::Job;
use connectivity_domain::job::{RequestError, Unfinished};
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::problem::Problem;

/// Returns the problem of an unfinished job. It does not say which server failed or how: the log
/// does.
pub(crate) fn unfinished<J: Job>(unfinished: &Unfinished) -> Problem {
    let subject = J::SUBJECT;
    match unfinished {
        Unfinished::InProgress(left) => {
            let detail = "this request is in progress: repeat it after the seconds in Retry-After";
            Problem::new(ProblemKind::InProgress, detail).retry_after(*left)
        }
        Unfinished::MessageIdReused => {
            let detail = format!("this message id or idempotency key belongs to another {subject}: use a new one");
            Problem::new(ProblemKind::MessageIdReused, detail)
        }
        Unfinished::NoVerdict { cause: Some(cause), retry_after } => {
            let detail =
                format!("the registry is not available: nothing is known about the {subject}; try again later");
            Problem::new(ProblemKind::RegistryUnavailable, detail).without_verdict(*cause).retry_after(*retry_after)
        }
        Unfinished::NoVerdict { cause: None, retry_after } => {
            let detail = format!(
                "the registry's response is not one of those that it documents: nothing is known about the {subject}; \
                 try again later"
            );
            Problem::new(ProblemKind::RegistryUnexpectedResponse, detail).retry_after(*retry_after)
        }
        Unfinished::NotRecorded => Problem::storage_unavailable(),
    }
}

/// Returns the problem of an invalid request. Its detail is that of the error.
pub(crate) fn invalid<J: Job>(error: &RequestError) -> Problem {
    let kind = match error {
        RequestError::Field { .. } => J::INVALID_FIELD,
        RequestError::TooLong => ProblemKind::PayloadTooLarge,
        RequestError::Repeated(_) | RequestError::NotUtf8 | RequestError::NotAnObject => ProblemKind::InvalidRequest,
    };
    let problem = Problem::new(kind, error.to_string());
    match error {
        RequestError::Field { field, .. } => problem.field(*field),
        _ => problem,
    }
}
