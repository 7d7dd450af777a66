//! How the simulator answers a call.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use std::time::Duration;

/// How the simulator answers a call.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// The default answer, which depends on the id (see the crate documentation).
    ById,
    /// A fixed answer.
    Answer {
        /// The status.
        status: u16,
        /// The content type.
        content_type: &'static str,
        /// The body.
        body: Bytes,
        /// The `Retry-After` header in seconds, if it is to be sent.
        retry_after: Option<u64>,
    },
    /// The default answer, after this delay.
    Slow(Duration),
    /// No answer: the connection stays open.
    Hang,
    /// This status for the first `times` calls, then the default answer.
    FailFirst {
        /// The number of calls that still fail.
        times: usize,
        /// The status of those calls.
        status: u16,
    },
}

impl Behaviour {
    /// Returns a fixed answer with a plain-text body.
    pub fn text(status: u16, body: &str) -> Self {
        Self::Answer { status, content_type: "text/plain", body: Bytes::from(body.to_owned()), retry_after: None }
    }

    /// Returns a fixed answer with an HTML page, as the registry's hosting provider sends while the
    /// registry is down.
    pub fn html(status: u16) -> Self {
        let body = Bytes::from_static(b"<!DOCTYPE html><html><body><h1>Application error</h1></body></html>");
        Self::Answer { status, content_type: "text/html", body, retry_after: None }
    }

    /// Returns the behaviour for one call, and counts down [`Behaviour::FailFirst`].
    pub(crate) fn next(&mut self) -> Self {
        match self {
            Self::FailFirst { times: 0, .. } => Self::ById,
            Self::FailFirst { times, status } => {
                *times -= 1;
                Self::FailFirst { times: *times, status: *status }
            }
            other => other.clone(),
        }
    }

    /// Returns the response for one call; `default` is the answer that depends on the id.
    pub(crate) async fn respond(self, default: Response) -> Response {
        let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match self {
            Self::ById => default,
            Self::Answer { status: code, content_type, body, retry_after } => {
                let content_type = [(header::CONTENT_TYPE, content_type)];
                let mut response = (status(code), content_type, Body::from(body)).into_response();
                if let Some(seconds) = retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                response
            }
            Self::FailFirst { status: code, .. } => status(code).into_response(),
            Self::Slow(delay) => {
                tokio::time::sleep(delay).await;
                default
            }
            Self::Hang => std::future::pending().await,
        }
    }
}
