//! The settlement of a message: what the bridge does with it after the components have answered.

use std::time::Duration;

/// The answer of the components to the delivery of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The request is finished with a verdict.
    Done,
    /// The request is finished without a verdict.
    DoneWithoutVerdict,
    /// An error response with a problem (RFC 9457).
    Problem {
        /// The HTTP status.
        status: u16,
        /// The last part of the `type` URI of the problem.
        slug: String,
        /// The `detail` of the problem.
        detail: String,
        /// The header `Retry-After`.
        retry_after: Option<Duration>,
        /// Whether the registry was asked: the member `asked` of the problem, which is true unless it
        /// says otherwise.
        asked: bool,
    },
    /// There was no answer, or it was malformed, for this reason.
    None(String),
}

/// What the bridge does with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Publish the result, then acknowledge the message.
    Done,
    /// The request ended without a verdict: publish the result, then move the message to the
    /// dead-letter queue, from where it can be replayed.
    DoneWithoutVerdict,
    /// Deliver the message again later.
    Retry {
        /// The shortest delay.
        after: Duration,
        /// Why the message is delivered again.
        reason: RetryReason,
    },
    /// Move the message to the dead-letter queue for this reason. Delivering it again would fail
    /// again.
    DeadLetter(String),
}

/// Why a message is delivered again. The bridge counts all of them but
/// [`RetryReason::InProgress`] per message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryReason {
    /// The registry was asked and gave no verdict. The delays grow with this number.
    NoVerdict,
    /// The registry was not asked, for example because the circuit breaker is open. This is no
    /// attempt, but the delays grow with it as well.
    NotAsked,
    /// Another instance is processing the request. This is not counted.
    InProgress,
    /// The components or their database are unavailable. This is counted because a message
    /// that causes the failure would otherwise be delivered for ever.
    ComponentsUnavailable,
}

/// How often the components may fail on a message before it is moved to the dead-letter queue.
pub const MAX_COMPONENT_FAILURES: u32 = 50;

/// The delay of a message whose request is in progress elsewhere, if the response has no
/// `Retry-After`.
const IN_PROGRESS: Duration = Duration::from_secs(1);

/// Decides what the bridge does with a message. `component_failures` is the number of deliveries of
/// this message that failed with [`RetryReason::ComponentsUnavailable`] before.
///
/// ```
/// use connectivity_domain::job::settlement::{Reply, RetryReason, Settlement, settle};
/// use std::time::Duration;
///
/// let reply = Reply::Problem {
///     status: 503,
///     slug: "registry-unavailable".into(),
///     detail: "the registry did not answer in time".into(),
///     retry_after: Some(Duration::from_secs(5)),
///     asked: true,
/// };
/// let expected = Settlement::Retry { after: Duration::from_secs(5), reason: RetryReason::NoVerdict };
/// assert_eq!(settle(&reply, 0), expected);
/// ```
pub fn settle(reply: &Reply, component_failures: u32) -> Settlement {
    match reply {
        Reply::Done => Settlement::Done,
        Reply::DoneWithoutVerdict => Settlement::DoneWithoutVerdict,
        Reply::Problem { status: 409, retry_after, .. } => {
            Settlement::Retry { after: retry_after.unwrap_or(IN_PROGRESS), reason: RetryReason::InProgress }
        }
        Reply::Problem { status: 400 | 413 | 422, detail, .. } => Settlement::DeadLetter(detail.clone()),
        Reply::Problem { status: 503, slug, retry_after, asked, .. } if slug.starts_with("registry-") => {
            let reason = if *asked { RetryReason::NoVerdict } else { RetryReason::NotAsked };
            Settlement::Retry { after: retry_after.unwrap_or_default(), reason }
        }
        Reply::Problem { retry_after, .. } => retry(reply, retry_after.unwrap_or_default(), component_failures),
        Reply::None(_) => retry(reply, Duration::ZERO, component_failures),
    }
}

/// Settles a message on which the components failed.
fn retry(reply: &Reply, after: Duration, component_failures: u32) -> Settlement {
    if component_failures < MAX_COMPONENT_FAILURES {
        return Settlement::Retry { after, reason: RetryReason::ComponentsUnavailable };
    }
    let cause = describe(reply);
    Settlement::DeadLetter(format!("the components failed {component_failures} times on this message: {cause}"))
}

/// Describes a reply, for logs and message headers.
pub fn describe(reply: &Reply) -> String {
    match reply {
        Reply::Done => "the request is finished".to_owned(),
        Reply::DoneWithoutVerdict => "the request ended without a verdict".to_owned(),
        Reply::Problem { status, slug, .. } => format!("the components answered {status} {slug}"),
        Reply::None(cause) => format!("the components gave no valid answer: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, slug: &str, seconds: Option<u64>) -> Reply {
        let retry_after = seconds.map(Duration::from_secs);
        Reply::Problem { status, slug: slug.into(), detail: "why".into(), retry_after, asked: true }
    }

    fn no_answer() -> Reply {
        Reply::None("connection refused".into())
    }

    fn not_asked(slug: &str) -> Reply {
        let retry_after = Some(Duration::from_secs(9));
        Reply::Problem { status: 503, slug: slug.into(), detail: "why".into(), retry_after, asked: false }
    }

    fn retry(seconds: u64, reason: RetryReason) -> Settlement {
        Settlement::Retry { after: Duration::from_secs(seconds), reason }
    }

    #[test]
    fn every_reply_has_its_settlement() {
        for (reply, expected) in [
            (Reply::Done, Settlement::Done),
            (Reply::DoneWithoutVerdict, Settlement::DoneWithoutVerdict),
            (problem(409, "in-progress", Some(7)), retry(7, RetryReason::InProgress)),
            (problem(409, "in-progress", None), retry(1, RetryReason::InProgress)),
            (problem(400, "invalid-request", None), Settlement::DeadLetter("why".into())),
            (problem(413, "payload-too-large", None), Settlement::DeadLetter("why".into())),
            (problem(422, "message-id-reused", None), Settlement::DeadLetter("why".into())),
            (problem(503, "registry-unavailable", Some(5)), retry(5, RetryReason::NoVerdict)),
            (problem(503, "registry-unexpected-response", None), retry(0, RetryReason::NoVerdict)),
            (not_asked("registry-unavailable"), retry(9, RetryReason::NotAsked)),
            (problem(503, "storage-unavailable", Some(5)), retry(5, RetryReason::ComponentsUnavailable)),
            (not_asked("storage-unavailable"), retry(9, RetryReason::ComponentsUnavailable)),
            (problem(401, "invalid-token", None), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(403, "forbidden", None), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(404, "not-found", None), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(500, "", None), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(504, "", None), retry(0, RetryReason::ComponentsUnavailable)),
            (no_answer(), retry(0, RetryReason::ComponentsUnavailable)),
        ] {
            assert_eq!(settle(&reply, 0), expected, "{reply:?}");
        }
    }

    #[test]
    fn component_failures_are_limited() {
        assert!(matches!(settle(&no_answer(), MAX_COMPONENT_FAILURES - 1), Settlement::Retry { .. }));
        assert!(matches!(settle(&no_answer(), MAX_COMPONENT_FAILURES), Settlement::DeadLetter(_)));
        for uncounted in [problem(409, "in-progress", None), not_asked("registry-unavailable")] {
            assert!(matches!(settle(&uncounted, MAX_COMPONENT_FAILURES), Settlement::Retry { .. }));
        }
    }

    #[test]
    fn delay_of_component_failures_is_the_requested_one() {
        let reply = problem(503, "storage-unavailable", Some(5));
        assert_eq!(settle(&reply, 1), retry(5, RetryReason::ComponentsUnavailable));
    }

    #[test]
    fn replies_are_described() {
        for (reply, description) in [
            (Reply::Done, "the request is finished"),
            (Reply::DoneWithoutVerdict, "the request ended without a verdict"),
            (no_answer(), "the components gave no valid answer: connection refused"),
            (problem(503, "not-ready", None), "the components answered 503 not-ready"),
        ] {
            assert_eq!(describe(&reply), description);
        }
    }
}
