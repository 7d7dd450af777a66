//! A whole call of the registry: attempts, and the pauses between them.

use crate::exchange::{Answer, Exchange};
use connectivity_domain::backoff::{Backoff, Step, next_step};
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::{instant, random, sleep, with_few_readings};
use std::time::Duration;

/// The pauses between attempts: from 100 ms up to 2 s, with jitter so that callers spread out.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// When to ask a registry again that did not say when itself.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a response of the registry means. A plugin has a table of responses for each question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning<V> {
    /// Asking again would not change it: a verdict, a refusal, or a response that the registry's
    /// contract does not know.
    Final(Result<V, RegistryError>),
    /// The registry cannot answer now. The question is asked again.
    TryLater(Evidence),
}

/// How much one call may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most attempts.
    pub attempts: u32,
    /// The longest time of one attempt.
    pub attempt_timeout: Duration,
    /// The longest time of the whole call, including the pauses.
    pub call_timeout: Duration,
}

/// Asks until a response is final or the budget is spent.
///
/// `attempt` sends the question once within the time it is given. `meaning` is the plugin's table.
///
/// # Errors
///
/// [`RegistryError::Unavailable`] with the cause of the last attempt if none of them was answered;
/// the other variants as the table says.
pub async fn call<V>(
    budget: Budget,
    attempt: impl AsyncFn(Duration) -> Exchange,
    meaning: impl Fn(Answer) -> Meaning<V>,
) -> Result<V, RegistryError> {
    with_few_readings(ask(budget, attempt, meaning)).await
}

async fn ask<V>(
    budget: Budget,
    attempt: impl AsyncFn(Duration) -> Exchange,
    meaning: impl Fn(Answer) -> Meaning<V>,
) -> Result<V, RegistryError> {
    let started = instant();
    let mut attempts = 1;
    loop {
        let left = budget.call_timeout.saturating_sub(instant() - started);
        let (cause, status, retry_after) = match attempt(budget.attempt_timeout.min(left)).await {
            Exchange::Failed(cause) => (cause, None, None),
            Exchange::Answered { answer, retry_after } => match meaning(answer) {
                Meaning::TryLater(evidence) => (Cause::Overloaded, Some(evidence.status), retry_after),
                Meaning::Final(result) => return result,
            },
        };
        let fields = [("cause", format!("{cause:?}").into()), ("status", status.into()), ("attempt", attempts.into())];
        log::line(Level::Warn, "registry", &fields);
        let delay = BACKOFF.delay(attempts, random(), retry_after);
        match next_step(attempts, budget.attempts, instant() - started, budget.call_timeout, delay) {
            Step::Retry(pause) => sleep(pause).await,
            Step::GiveUp => {
                let retry_after = retry_after.unwrap_or(DEFAULT_RETRY_AFTER);
                return Err(RegistryError::Unavailable(NoVerdict { cause, status, retry_after, attempts }));
            }
        }
        attempts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const BUDGET: Budget =
        Budget { attempts: 2, attempt_timeout: Duration::from_secs(1), call_timeout: Duration::from_secs(2) };

    fn answered(status: u16) -> Exchange {
        let answer = Answer { evidence: Evidence { status, body: None }, is_json: false };
        Exchange::Answered { answer, retry_after: None }
    }

    fn meaning(Answer { evidence, .. }: Answer) -> Meaning<u16> {
        match evidence.status {
            200 => Meaning::Final(Ok(200)),
            503 => Meaning::TryLater(evidence),
            _ => Meaning::Final(Err(RegistryError::Refused(evidence))),
        }
    }

    /// Asks a registry that gives these responses. Returns the result and the number of attempts.
    async fn ask(responses: &[Exchange]) -> (Result<u16, RegistryError>, usize) {
        let next = Cell::new(0);
        let attempt = async |_| {
            next.set(next.get() + 1);
            responses[next.get() - 1].clone()
        };
        let result = call(BUDGET, attempt, meaning).await;
        (result, next.get())
    }

    #[tokio::test]
    async fn final_response_ends_the_call() {
        assert_eq!(ask(&[answered(200)]).await, (Ok(200), 1));
        let refused = RegistryError::Refused(Evidence { status: 400, body: None });
        assert_eq!(ask(&[answered(400)]).await, (Err(refused), 1));
    }

    #[tokio::test]
    async fn overloaded_or_unreachable_registry_is_asked_again() {
        for first in [answered(503), Exchange::Failed(Cause::Timeout), Exchange::Failed(Cause::Tls)] {
            assert_eq!(ask(&[first, answered(200)]).await, (Ok(200), 2));
        }
    }

    #[tokio::test]
    async fn last_failure_is_returned_when_the_budget_is_spent() {
        let unavailable = |cause, status| {
            RegistryError::Unavailable(NoVerdict { cause, status, retry_after: DEFAULT_RETRY_AFTER, attempts: 2 })
        };
        let (down, busy) = (Exchange::Failed(Cause::Connection), answered(503));
        let expected = (Err(unavailable(Cause::Overloaded, Some(503))), 2);
        assert_eq!(ask(&[down.clone(), busy.clone()]).await, expected);
        let expected = (Err(unavailable(Cause::Connection, None)), 2);
        assert_eq!(ask(&[busy, down]).await, expected);
    }
}
