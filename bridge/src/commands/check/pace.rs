//! How fast to go on: obeys the rate limit, and waits while there are no verdicts.

use super::client::{RateLimit, Reply};
use super::row::Outcome;
use std::time::{Duration, Instant};

/// The shortest and the longest pause after a response without a verdict.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// What to do after a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Take the results and go on.
    GoOn,
    /// Ask the same again after this time, for this reason.
    Repeat(Duration, String),
    /// Stop, for this reason.
    GiveUp(String),
}

/// The pace of one run.
pub(super) struct Pace {
    /// The most ids in a request.
    max: usize,
    /// How many ids the next request may have.
    batch: usize,
    give_up_after: Duration,
    /// When there was a verdict, or the end of a pause for the rate limit.
    progress_at: Instant,
    /// The requests since then.
    failures: u32,
}

impl Pace {
    pub(super) fn new(max: usize, give_up_after: Duration, now: Instant) -> Self {
        Self { max, batch: max, give_up_after, progress_at: now, failures: 0 }
    }

    /// Returns how many ids the next request may have.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    pub(super) fn next(&mut self, reply: &Reply, now: Instant) -> Next {
        match reply {
            Reply::Results(answers) => {
                let has_verdict = answers.iter().any(|answer| matches!(answer.outcome, Outcome::Verdict { .. }));
                if has_verdict {
                    (self.batch, self.failures, self.progress_at) = (self.max, 0, now);
                    return Next::GoOn;
                }
                let retry_after = answers.iter().filter_map(|answer| answer.retry_after).max();
                self.repeat(retry_after, "the registry gives no verdicts".to_owned(), now)
            }
            Reply::RateLimited(limit) => self.obey(*limit, now),
            Reply::Unavailable { why, retry_after } => self.repeat(*retry_after, why.clone(), now),
        }
    }

    fn obey(&mut self, limit: RateLimit, now: Instant) -> Next {
        let within = |ids: Option<u64>| ids.and_then(|ids| usize::try_from(ids).ok()).unwrap_or(usize::MAX);
        let left = within(limit.left);
        if (1..self.batch).contains(&left) {
            self.batch = left;
            return Next::Repeat(Duration::ZERO, format!("rate limit: {left} ids are left"));
        }
        self.batch = self.max.min(within(limit.quota)).max(1);
        let pause = limit.retry_after.unwrap_or(PAUSES.1);
        self.progress_at = now + pause;
        let quota = limit.quota.map_or_else(String::new, |quota| format!(" of {quota} ids"));
        Next::Repeat(
            pause,
            format!("the rate limit{quota} is used up (an administrator can change it for the account)"),
        )
    }

    fn repeat(&mut self, retry_after: Option<Duration>, why: String, now: Instant) -> Next {
        if now.saturating_duration_since(self.progress_at) >= self.give_up_after {
            return Next::GiveUp(format!(
                "no verdict for {}, because {why}",
                humantime::format_duration(self.give_up_after)
            ));
        }
        let backoff = PAUSES.0 * 2_u32.saturating_pow(self.failures.min(6));
        self.failures += 1;
        Next::Repeat(retry_after.unwrap_or(backoff).clamp(PAUSES.0, PAUSES.1), why)
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::Answer;
    use super::*;
    use serde_json::Value;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace() -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(100, SECOND * 60, now), now)
    }

    fn verdict() -> Answer {
        Answer {
            outcome: Outcome::Verdict { is_eligible: true, status: Some(204), data: Value::Null },
            retry_after: None,
        }
    }

    fn failed(seconds: u64) -> Answer {
        let outcome = Outcome::Error { kind: "registry-unavailable".into(), detail: String::new() };
        Answer { outcome, retry_after: Some(SECOND * u32::try_from(seconds).expect("a small number")) }
    }

    fn pause(next: Next) -> u64 {
        match next {
            Next::Repeat(pause, _) => pause.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn results_with_a_verdict_are_taken() {
        let (mut pace, now) = pace();
        assert_eq!(pace.next(&Reply::Results(vec![failed(5), verdict()]), now), Next::GoOn);
    }

    #[test]
    fn registry_without_verdicts_is_asked_again_when_it_says() {
        let (mut pace, now) = pace();
        for (seconds, expected) in [(7, 7), (600, 60), (0, 1)] {
            assert_eq!(pause(pace.next(&Reply::Results(vec![failed(1), failed(seconds)]), now)), expected);
        }
    }

    #[test]
    fn unavailable_service_is_asked_again_with_growing_pauses_and_given_up() {
        let (mut pace, now) = pace();
        let down = |retry_after| Reply::Unavailable { why: "it is down".into(), retry_after };
        let pauses = [(); 8].map(|()| pause(pace.next(&down(None), now)));
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(pace.next(&down(Some(SECOND * 5)), now + SECOND * 59)), 5);
        let end = pace.next(&down(None), now + SECOND * 60);
        assert_eq!(end, Next::GiveUp("no verdict for 1m, because it is down".into()));
        assert_eq!(pace.next(&Reply::Results(vec![verdict()]), now + SECOND * 61), Next::GoOn);
        assert_eq!(pause(pace.next(&down(None), now + SECOND * 62)), 1, "a verdict starts the time again");
    }

    #[test]
    fn rate_limit_is_obeyed() {
        let (mut pace, now) = pace();
        let limited = |left, seconds: u32| {
            Reply::RateLimited(RateLimit { quota: Some(50), left: Some(left), retry_after: Some(SECOND * seconds) })
        };
        assert_eq!((pause(pace.next(&limited(40, 900), now)), pace.batch()), (0, 40), "what is left is used");
        assert_eq!((pause(pace.next(&limited(0, 900), now)), pace.batch()), (900, 50), "never more than the quota");
        let later = now + SECOND * 930;
        let down = Reply::Unavailable { why: String::new(), retry_after: None };
        assert_eq!(pause(pace.next(&down, later)), 1, "waiting for the rate limit is not a failure");
        let without = Reply::RateLimited(RateLimit::default());
        assert_eq!((pause(pace.next(&without, later)), pace.batch()), (60, 100));
    }
}
