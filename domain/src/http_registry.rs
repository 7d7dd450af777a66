//! What an answer of the `GovCarpeta` HTTP API means (registry contract). Decided by the status code, never by the body.

mod body;

pub use body::registry_body;

use crate::verdict::{Cause, Evidence};
use std::time::Duration;

/// How one question over HTTP ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// With an answer.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body as [`registry_body`] made it.
        body: Option<String>,
        /// `Retry-After`, where it was given in seconds.
        retry_after: Option<Duration>,
    },
    /// Without one.
    Failed(Transport),
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// It took too long.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// No trusted connection.
    Tls,
}

/// What the answer to "is this citizen affiliated?" means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CitizenAnswer {
    /// 204: nobody has affiliated this citizen.
    None(Evidence),
    /// 200: an operator has.
    Affiliated(Evidence),
    /// 408, 425, 429, 5xx, no answer: ask again.
    Later {
        /// Why.
        cause: Cause,
        /// The status, if there was one.
        status: Option<u16>,
        /// When, if the registry said.
        retry_after: Option<Duration>,
    },
    /// 501 and other 4xx: it refuses the question.
    Refused(Evidence),
    /// A status that its contract does not know.
    Nonsense(Evidence),
}

/// What the answer to "is this document authentic?" means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentAnswer {
    /// 200: authentic.
    Authenticated(Evidence),
    /// 204, 501, other 4xx: not.
    Rejected(Evidence),
    /// 408, 425, 429, 5xx, no answer: ask again.
    Later {
        /// Why.
        cause: Cause,
        /// The status, if there was one.
        status: Option<u16>,
        /// When, if the registry said.
        retry_after: Option<Duration>,
    },
    /// A status that its contract does not know.
    Nonsense(Evidence),
}

/// An answer, or why to ask again.
enum Reading {
    Said(Evidence),
    Later { cause: Cause, status: Option<u16>, retry_after: Option<Duration> },
}

fn read(exchange: Exchange) -> Reading {
    match exchange {
        Exchange::Failed(transport) => {
            let cause = match transport {
                Transport::Timeout => Cause::Timeout,
                Transport::Connection => Cause::Connection,
                Transport::Tls => Cause::Tls,
            };
            Reading::Later { cause, status: None, retry_after: None }
        }
        // 501 is this registry's word for wrong parameters.
        Exchange::Answered { status: status @ (408 | 425 | 429 | 500 | 502..=599), retry_after, .. } => {
            Reading::Later { cause: Cause::Overloaded, status: Some(status), retry_after }
        }
        Exchange::Answered { status, body, .. } => Reading::Said(Evidence { status, body }),
    }
}

/// Reads the answer to `GET /apis/validateCitizen/{id}`.
pub fn read_citizen_answer(exchange: Exchange) -> CitizenAnswer {
    match read(exchange) {
        Reading::Later { cause, status, retry_after } => CitizenAnswer::Later { cause, status, retry_after },
        Reading::Said(evidence) => match evidence.status {
            204 => CitizenAnswer::None(evidence),
            200 => CitizenAnswer::Affiliated(evidence),
            501 | 400..=499 => CitizenAnswer::Refused(evidence),
            _ => CitizenAnswer::Nonsense(evidence),
        },
    }
}

/// Reads the answer to `PUT /apis/authenticateDocument`.
pub fn read_document_answer(exchange: Exchange) -> DocumentAnswer {
    match read(exchange) {
        Reading::Later { cause, status, retry_after } => DocumentAnswer::Later { cause, status, retry_after },
        Reading::Said(evidence) => match evidence.status {
            200 => DocumentAnswer::Authenticated(evidence),
            204 | 501 | 400..=499 => DocumentAnswer::Rejected(evidence),
            _ => DocumentAnswer::Nonsense(evidence),
        },
    }
}

#[cfg(test)]
mod tests;
