//! What an answer of the GovCarpeta HTTP API means (registry contract). Decided by the status code, never by the body.

use crate::verdict::{Cause, Evidence};
use serde_json::Value;
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

/// Longest text that is kept as evidence, in characters. The registry's sentences have about 100.
const KEPT_TEXT: usize = 4_096;

/// Longest JSON that is kept as it is, in bytes.
const KEPT_JSON: usize = 8 * 1024;

/// Makes JSON text of an answer's body, whatever it is; `complete` is false where its end was not read.
///
/// JSON stays JSON, its text without the trailing blanks this registry is known for; other text becomes a JSON string;
/// a page of HTML only its size, for it says nothing about a citizen.
pub fn registry_body(bytes: &[u8], complete: bool) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).replace('\0', "");
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.starts_with('<') {
        return Some(Value::from(format!("[HTML, {} bytes]", bytes.len())).to_string());
    }
    let json = if complete && text.len() <= KEPT_JSON { serde_json::from_str(text).ok() } else { None };
    let kept = match json {
        Some(Value::String(said)) => Value::from(shorten(said.replace('\0', "").trim())),
        Some(Value::Null) => return None,
        // Compact, with control characters escaped, an escaped NUL is harmless to JSON but not to every database.
        Some(other) if !other.to_string().contains("\\u0000") => other,
        Some(_) | None => Value::from(shorten(text)),
    };
    Some(kept.to_string())
}

fn shorten(text: &str) -> String {
    text.chars().take(KEPT_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_all_kinds_become_json_or_nothing() {
        let prose = "\"El ciudadano con id: 1128456232 se encuentra registrado en el operador: Operador Ciudadano \"";
        let trimmed = "\"El ciudadano con id: 1128456232 se encuentra registrado en el operador: Operador Ciudadano\"";
        for (body, expected) in [
            (prose, Some(trimmed)),
            ("", None),
            (" \r\n", None),
            ("null", None),
            ("no json at all ", Some("\"no json at all\"")),
            ("<!DOCTYPE html><h1>Error</h1>", Some("\"[HTML, 29 bytes]\"")),
            ("{ \"a\": [1, 2] }", Some("{\"a\":[1,2]}")),
            ("a\0b", Some("\"ab\"")),
        ] {
            assert_eq!(registry_body(body.as_bytes(), true).as_deref(), expected, "{body:?}");
        }
        assert_eq!(registry_body(b"{\"a\": 1", false).as_deref(), Some("\"{\\\"a\\\": 1\""));
        assert!(registry_body(&[0xFF, 0xFE], true).is_some());
        assert!(registry_body(&vec![b'x'; 64 * 1024], false).is_some_and(|kept| kept.len() < 5_000));
    }

    #[test]
    fn deep_json_is_kept_as_text() {
        let deep = "[".repeat(4_000);
        assert!(registry_body(deep.as_bytes(), true).is_some_and(|kept| kept.starts_with('"')));
    }
}
