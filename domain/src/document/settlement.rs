//! What becomes of a message, from what the components said about it. A pure function: the loop around it obeys.

use super::DocumentStatus;
use std::time::Duration;

/// What the components said about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 200: this is its final state.
    Finished(DocumentStatus),
    /// A problem (RFC 9457).
    Problem {
        /// The HTTP status.
        status: u16,
        /// The last part of its `type`.
        slug: String,
        /// What to do about it.
        detail: String,
        /// `Retry-After`
        retry_after: Option<Duration>,
    },
    /// No answer, or one that cannot be read.
    None,
}

/// What becomes of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is done: publish its result, then acknowledge it.
    Done,
    /// It ended without a verdict: publish its result, keep it for a replay.
    DoneWithoutVerdict,
    /// It is tried again.
    Retry {
        /// When, at the earliest.
        after: Duration,
        /// Why.
        reason: RetryReason,
    },
    /// It is of no use to try it again; this says why.
    DeadLetter(String),
}

/// Why a message is tried again. Each is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryReason {
    /// The registry gave no verdict: one of its attempts is used up.
    NoVerdict,
    /// Somebody else works on it. Costs nothing.
    InProgress,
    /// The components, or what they need, are in trouble. Not the message's fault; but one that causes it would go round
    /// for ever, so this is counted too.
    ComponentsUnavailable,
}

/// How often a message may be the one with the trouble.
pub const MAX_COMPONENT_FAILURES: u32 = 50;

/// When to look again for a message that somebody else works on, if they did not say.
const IN_PROGRESS: Duration = Duration::from_secs(1);

/// Decides. `component_failures` is how often there was trouble with this message before.
pub fn settle(reply: &Reply, component_failures: u32) -> Settlement {
    match reply {
        Reply::Finished(DocumentStatus::Success | DocumentStatus::Failed) => Settlement::Done,
        Reply::Finished(DocumentStatus::Error) => Settlement::DoneWithoutVerdict,
        Reply::Problem { status: 409, retry_after, .. } => {
            Settlement::Retry { after: retry_after.unwrap_or(IN_PROGRESS), reason: RetryReason::InProgress }
        }
        Reply::Problem { status: 400 | 413 | 422, detail, .. } => Settlement::DeadLetter(detail.clone()),
        Reply::Problem { status: 503, slug, retry_after, .. } if slug.starts_with("registry-") => {
            Settlement::Retry { after: retry_after.unwrap_or_default(), reason: RetryReason::NoVerdict }
        }
        Reply::Problem { .. } | Reply::Finished(DocumentStatus::Pending) | Reply::None => {
            if component_failures >= MAX_COMPONENT_FAILURES {
                return Settlement::DeadLetter(format!(
                    "there was trouble with it {component_failures} times: {}",
                    describe(reply)
                ));
            }
            let after = match reply {
                Reply::Problem { retry_after, .. } => retry_after.unwrap_or_default(),
                Reply::Finished(_) | Reply::None => Duration::ZERO,
            };
            Settlement::Retry { after, reason: RetryReason::ComponentsUnavailable }
        }
    }
}

/// For a log and for a header.
pub fn describe(reply: &Reply) -> String {
    match reply {
        Reply::Finished(status) => format!("it is {}", status.as_str()),
        Reply::Problem { status, slug, .. } => format!("the components answered {status} {slug}"),
        Reply::None => "the components did not answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, slug: &str, seconds: Option<u64>) -> Reply {
        let retry_after = seconds.map(Duration::from_secs);
        Reply::Problem { status, slug: slug.into(), detail: "why".into(), retry_after }
    }

    fn retry(seconds: u64, reason: RetryReason) -> Settlement {
        Settlement::Retry { after: Duration::from_secs(seconds), reason }
    }

    #[test]
    fn every_reply_is_settled() {
        for (reply, expected) in [
            (Reply::Finished(DocumentStatus::Success), Settlement::Done),
            (Reply::Finished(DocumentStatus::Failed), Settlement::Done),
            (Reply::Finished(DocumentStatus::Error), Settlement::DoneWithoutVerdict),
            (Reply::Finished(DocumentStatus::Pending), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(409, "in-progress", Some(7)), retry(7, RetryReason::InProgress)),
            (problem(409, "in-progress", None), retry(1, RetryReason::InProgress)),
            (problem(400, "invalid-request", None), Settlement::DeadLetter("why".into())),
            (problem(413, "payload-too-large", None), Settlement::DeadLetter("why".into())),
            (problem(422, "message-id-reused", None), Settlement::DeadLetter("why".into())),
            (problem(503, "registry-unavailable", Some(5)), retry(5, RetryReason::NoVerdict)),
            (problem(503, "registry-unexpected-response", None), retry(0, RetryReason::NoVerdict)),
            (problem(503, "storage-unavailable", Some(5)), retry(5, RetryReason::ComponentsUnavailable)),
            (problem(401, "invalid-token", None), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(403, "forbidden", None), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(404, "not-found", None), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(500, "", None), retry(0, RetryReason::ComponentsUnavailable)),
            (problem(504, "", None), retry(0, RetryReason::ComponentsUnavailable)),
            (Reply::None, retry(0, RetryReason::ComponentsUnavailable)),
        ] {
            assert_eq!(settle(&reply, 0), expected, "{reply:?}");
        }
    }

    #[test]
    fn no_message_goes_round_for_ever_because_of_trouble() {
        assert!(matches!(settle(&Reply::None, MAX_COMPONENT_FAILURES - 1), Settlement::Retry { .. }));
        assert!(matches!(settle(&Reply::None, MAX_COMPONENT_FAILURES), Settlement::DeadLetter(_)));
        let busy = problem(409, "in-progress", None);
        assert!(matches!(settle(&busy, MAX_COMPONENT_FAILURES), Settlement::Retry { .. }));
    }
}
