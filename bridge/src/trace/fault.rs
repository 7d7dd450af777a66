//! Why a span failed.

use connectivity_domain::job::settlement::{Reply, RetryReason, Settlement, settle};

/// A closed set, so that nothing that others have written gets into a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The message is not a valid request, or one that is rejected for good.
    Refused,
    /// Another delivery of the request is in progress.
    InProgress,
    /// The registry gave no verdict.
    NoVerdict,
    /// The components, or something they need, failed.
    ComponentsUnavailable,
    /// The components did not answer, or not in the expected form.
    NoAnswer,
    /// The event was not published: RabbitMQ is unreachable, did not accept it, or has no queue for
    /// it.
    NotPublished,
    /// The message was abandoned and will be delivered again.
    Abandoned,
}

impl Fault {
    pub(crate) fn from_reply(reply: &Reply) -> Option<Self> {
        match settle(reply, 0) {
            Settlement::Done => None,
            Settlement::DoneWithoutVerdict => Some(Self::NoVerdict),
            Settlement::DeadLetter(_) => Some(Self::Refused),
            Settlement::Retry { reason, .. } => Some(match reason {
                RetryReason::NoVerdict | RetryReason::NotAsked => Self::NoVerdict,
                RetryReason::InProgress => Self::InProgress,
                RetryReason::ComponentsUnavailable if matches!(reply, Reply::None(_)) => Self::NoAnswer,
                RetryReason::ComponentsUnavailable => Self::ComponentsUnavailable,
            }),
        }
    }

    /// The value of `error.type` and of the span's status. Dashboards may search for these.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::InProgress => "in_progress",
            Self::NoVerdict => "no_verdict",
            Self::ComponentsUnavailable => "trouble",
            Self::NoAnswer => "no_answer",
            Self::NotPublished => "not_published",
            Self::Abandoned => "abandoned",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_has_a_fault_or_succeeded() {
        let problem = |status, slug: &str| Reply::Problem {
            status,
            slug: slug.into(),
            detail: "https://bucket/secret".into(),
            retry_after: None,
            asked: true,
        };
        for (reply, expected) in [
            (Reply::Done, None),
            (Reply::DoneWithoutVerdict, Some(Fault::NoVerdict)),
            (problem(400, "invalid-request"), Some(Fault::Refused)),
            (problem(503, "registry-unavailable"), Some(Fault::NoVerdict)),
            (problem(503, "storage-unavailable"), Some(Fault::ComponentsUnavailable)),
            (problem(409, "in-progress"), Some(Fault::InProgress)),
            (problem(422, "message-id-reused"), Some(Fault::Refused)),
            (Reply::None("refused".into()), Some(Fault::NoAnswer)),
        ] {
            assert_eq!(Fault::from_reply(&reply), expected, "{reply:?}");
        }
    }
}
