//! Why a span failed.

use connectivity_domain::document::settlement::{Reply, RetryReason, Settlement, settle};

/// Closed: nothing that others have written gets into a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The message is no request.
    NoRequest,
    /// It is a request that the components refuse for good.
    Refused,
    /// Somebody else works on it.
    InWork,
    /// The registry gave no verdict.
    NoVerdict,
    /// The components, or what they need, are in trouble.
    Trouble,
    /// The components did not answer, or nothing that can be read.
    NoAnswer,
    /// The result was not published: RabbitMQ is gone, did not take it, or has no queue for it.
    NotPublished,
    /// The message was left to be delivered again.
    Left,
}

impl Fault {
    /// What went wrong by the word of the components.
    pub(crate) fn of(reply: &Reply) -> Option<Self> {
        match settle(reply, 0) {
            Settlement::Done => None,
            Settlement::DoneWithoutVerdict | Settlement::Retry { reason: RetryReason::NoVerdict, .. } => {
                Some(Self::NoVerdict)
            }
            Settlement::Retry { reason: RetryReason::InProgress, .. } => Some(Self::InWork),
            Settlement::Retry { reason: RetryReason::ComponentsUnavailable, .. } if matches!(reply, Reply::None) => {
                Some(Self::NoAnswer)
            }
            Settlement::Retry { reason: RetryReason::ComponentsUnavailable, .. } => Some(Self::Trouble),
            Settlement::DeadLetter(_) => Some(Self::Refused),
        }
    }

    /// For `error.type` and the span's status.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoRequest => "no_request",
            Self::Refused => "refused",
            Self::InWork => "in_work",
            Self::NoVerdict => "no_verdict",
            Self::Trouble => "trouble",
            Self::NoAnswer => "no_answer",
            Self::NotPublished => "not_published",
            Self::Left => "left",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_domain::document::DocumentStatus;

    #[test]
    fn every_reply_has_its_fault_or_none() {
        let problem = |status, slug: &str| Reply::Problem {
            status,
            slug: slug.into(),
            detail: "https://bucket/secret".into(),
            retry_after: None,
        };
        for (reply, expected) in [
            (Reply::Finished(DocumentStatus::Success), None),
            (Reply::Finished(DocumentStatus::Failed), None),
            (Reply::Finished(DocumentStatus::Error), Some(Fault::NoVerdict)),
            (problem(503, "registry-unavailable"), Some(Fault::NoVerdict)),
            (problem(503, "storage-unavailable"), Some(Fault::Trouble)),
            (problem(409, "in-progress"), Some(Fault::InWork)),
            (problem(422, "message-id-reused"), Some(Fault::Refused)),
            (Reply::None, Some(Fault::NoAnswer)),
        ] {
            assert_eq!(Fault::of(&reply), expected, "{reply:?}");
        }
    }
}
