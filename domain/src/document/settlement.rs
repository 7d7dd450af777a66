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
        why: Why,
    },
    /// It is of no use to try it again; this says why.
    DeadLetter(String),
}

/// Why a message is tried again. Each is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The registry gave no verdict: one of its attempts is used up.
    NoVerdict,
    /// Somebody else works on it. Costs nothing.
    InWork,
    /// The components, or what they need, are in trouble. Not the message's fault; but one that causes it would go round
    /// for ever, so this is counted too.
    Trouble,
}

/// How often a message may be the one with the trouble.
pub const MAX_TROUBLES: u32 = 50;

/// When to look again for a message that somebody else works on, if they did not say.
const IN_WORK: Duration = Duration::from_secs(1);

/// Decides. `troubles` is how often there was trouble with this message before.
pub fn settle(reply: &Reply, troubles: u32) -> Settlement {
    match reply {
        Reply::Finished(DocumentStatus::Success | DocumentStatus::Failed) => Settlement::Done,
        Reply::Finished(DocumentStatus::Error) => Settlement::DoneWithoutVerdict,
        Reply::Problem { status: 409, retry_after, .. } => {
            Settlement::Retry { after: retry_after.unwrap_or(IN_WORK), why: Why::InWork }
        }
        Reply::Problem { status: 400 | 413 | 422, detail, .. } => Settlement::DeadLetter(detail.clone()),
        Reply::Problem { status: 503, slug, retry_after, .. } if slug.starts_with("registry-") => {
            Settlement::Retry { after: retry_after.unwrap_or_default(), why: Why::NoVerdict }
        }
        Reply::Problem { .. } | Reply::Finished(DocumentStatus::Pending) | Reply::None => {
            if troubles >= MAX_TROUBLES {
                return Settlement::DeadLetter(format!("there was trouble with it {troubles} times: {}", told(reply)));
            }
            let after = match reply {
                Reply::Problem { retry_after, .. } => retry_after.unwrap_or_default(),
                Reply::Finished(_) | Reply::None => Duration::ZERO,
            };
            Settlement::Retry { after, why: Why::Trouble }
        }
    }
}

/// For a log and for a header.
pub fn told(reply: &Reply) -> String {
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

    fn retry(seconds: u64, why: Why) -> Settlement {
        Settlement::Retry { after: Duration::from_secs(seconds), why }
    }

    #[test]
    fn every_reply_is_settled() {
        for (reply, expected) in [
            (Reply::Finished(DocumentStatus::Success), Settlement::Done),
            (Reply::Finished(DocumentStatus::Failed), Settlement::Done),
            (Reply::Finished(DocumentStatus::Error), Settlement::DoneWithoutVerdict),
            (Reply::Finished(DocumentStatus::Pending), retry(0, Why::Trouble)),
            (problem(409, "in-work", Some(7)), retry(7, Why::InWork)),
            (problem(409, "in-work", None), retry(1, Why::InWork)),
            (problem(400, "invalid-request", None), Settlement::DeadLetter("why".into())),
            (problem(413, "payload-too-large", None), Settlement::DeadLetter("why".into())),
            (problem(422, "message-id-reused", None), Settlement::DeadLetter("why".into())),
            (problem(503, "registry-unavailable", Some(5)), retry(5, Why::NoVerdict)),
            (problem(503, "registry-nonsense", None), retry(0, Why::NoVerdict)),
            (problem(503, "storage-unavailable", Some(5)), retry(5, Why::Trouble)),
            (problem(401, "invalid-token", None), retry(0, Why::Trouble)),
            (problem(403, "forbidden", None), retry(0, Why::Trouble)),
            (problem(404, "not-found", None), retry(0, Why::Trouble)),
            (problem(500, "", None), retry(0, Why::Trouble)),
            (problem(504, "", None), retry(0, Why::Trouble)),
            (Reply::None, retry(0, Why::Trouble)),
        ] {
            assert_eq!(settle(&reply, 0), expected, "{reply:?}");
        }
    }

    #[test]
    fn no_message_goes_round_for_ever_because_of_trouble() {
        assert!(matches!(settle(&Reply::None, MAX_TROUBLES - 1), Settlement::Retry { .. }));
        assert!(matches!(settle(&Reply::None, MAX_TROUBLES), Settlement::DeadLetter(_)));
        let busy = problem(409, "in-work", None);
        assert!(matches!(settle(&busy, MAX_TROUBLES), Settlement::Retry { .. }));
    }
}
