//! The circuit breaker around calls of a plugin. All instances share its state through the cache,
//! one state per plugin name.
//!
//! The rules are in `connectivity_domain::breaker`. An instance reads the shared state at most once
//! a second and adds what it has seen since by compare-and-set; failures are added at once. While
//! the cache is down, each instance goes by its own calls.
//!
//! What is kept and shared names no subject and no id (see there).

use connectivity_domain::breaker::{Admission, BreakerState, Condition, Failure, Policy, ProbeResult, cache_key};
use connectivity_domain::registry::RegistryError;
use connectivity_domain::time::Timestamp;
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::now;
use connectivity_storage::cache::Cache;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the shared state is kept after its last change.
const LIFETIME: Duration = Duration::from_mins(10);

/// How old an instance's view of the shared state may be.
const MAX_VIEW_AGE: Duration = Duration::from_secs(1);

/// How many times a write is attempted while other instances write too.
const WRITE_ATTEMPTS: u32 = 3;

/// What a call may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Ask, with all attempts.
    Normal,
    /// Ask with a single attempt, to find out whether the registry has recovered.
    Probe,
}

/// The breaker, as one instance sees it. It holds no request's data.
pub struct Breaker {
    key: String,
    cache: Arc<Cache>,
    view: Mutex<View>,
}

struct View {
    state: BreakerState,
    read_at: Option<Timestamp>,
    /// The calls that the registry answered and that the shared state does not count yet.
    unsent: u64,
}

impl Breaker {
    /// Creates the breaker of the plugin with this name.
    pub fn new(plugin: &str, cache: Arc<Cache>) -> Self {
        let view = View { state: BreakerState::default(), read_at: None, unsent: 0 };
        Self { key: cache_key(plugin), cache, view: Mutex::new(view) }
    }

    /// Returns whether the registry may be asked on behalf of this subject.
    ///
    /// # Errors
    ///
    /// It may not; the error is the time to wait.
    pub async fn permit(&self, subject: &str) -> Result<Permission, Duration> {
        let now = now();
        if !self.is_fresh(now) {
            self.synchronise(None, now).await;
        }
        let admission = self.view().state.admit(subject, now, &Policy::DEFAULT);
        match admission {
            Admission::Go => Ok(Permission::Normal),
            Admission::Refuse { retry_after } => Err(retry_after),
            // The request that writes the state first sends the probe.
            Admission::Probe(probing) => {
                let won = self.replace(now, |held| match held.admit(subject, now, &Policy::DEFAULT) {
                    Admission::Probe(probing) => Some(probing),
                    Admission::Go | Admission::Refuse { .. } => None,
                });
                if won.await.unwrap_or_else(|| self.take_probe(probing)) {
                    Ok(Permission::Probe)
                } else {
                    Err(MAX_VIEW_AGE)
                }
            }
        }
    }

    /// Records how a call of this subject about this id ended. A call without a verdict counts each
    /// of its attempts as a failure, every other call counts as one success. A probe succeeds only
    /// if the registry answered.
    pub async fn report<V>(&self, permission: Permission, subject: &str, id: &str, answer: &Result<V, RegistryError>) {
        let now = now();
        let failed_attempts = failed_attempts(answer);
        match permission {
            Permission::Probe => {
                let result = match failed_attempts {
                    None => ProbeResult::Answered,
                    Some(0) => ProbeResult::NotAsked,
                    Some(_) => ProbeResult::Failed,
                };
                let finished = self.view().state.probe_finished(subject, result, now, &Policy::DEFAULT);
                self.view().state = finished;
                self.replace(now, |held| Some(held.probe_finished(subject, result, now, &Policy::DEFAULT))).await;
                log::line(Level::Warn, "breaker probe", &[("result", format!("{result:?}").into())]);
            }
            Permission::Normal => match failed_attempts {
                None => self.count_success(),
                Some(attempts) => {
                    let was_open = self.is_open(now);
                    self.synchronise(Some(Failure::new(subject, id, attempts)), now).await;
                    if !was_open && self.is_open(now) {
                        log::line(Level::Warn, "breaker opened", &[("subject", subject.into())]);
                    }
                }
            },
        }
    }

    fn count_success(&self) {
        let mut view = self.view();
        view.unsent = view.unsent.saturating_add(1);
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.view().state.condition(now, &Policy::DEFAULT) == Condition::Open
    }

    /// Adds what this instance has seen to the shared state, and takes the result as its view.
    async fn synchronise(&self, failure: Option<Failure>, now: Timestamp) {
        let unsent = std::mem::take(&mut self.view().unsent);
        let written = self.replace(now, |held| Some(held.apply(unsent, failure, now, &Policy::DEFAULT))).await;
        let mut view = self.view();
        if written != Some(true) {
            // The shared state does not have it yet, so the view alone takes it.
            view.state = view.state.apply(unsent, failure, now, &Policy::DEFAULT);
        }
        view.read_at = Some(now);
    }

    /// Replaces the shared state by the result of `change`. Returns whether it was replaced; `None`
    /// if the cache is down.
    async fn replace(&self, now: Timestamp, change: impl Fn(&BreakerState) -> Option<BreakerState>) -> Option<bool> {
        for _ in 0..WRITE_ATTEMPTS {
            let held = self.cache.get(&self.key, now).await.ok()?;
            let state = BreakerState::decode(held.as_deref().unwrap_or_default());
            let Some(new) = change(&state) else {
                self.view().state = state;
                return Some(false);
            };
            let encoded = new.encode();
            let unchanged = held.as_deref() == Some(encoded.as_str());
            if unchanged
                || self.cache.compare_and_set(&self.key, held.as_deref(), &encoded, LIFETIME, now).await.ok()?
            {
                self.view().state = new;
                return Some(true);
            }
        }
        Some(false)
    }

    /// Starts a probe of this instance alone, because the cache is down.
    fn take_probe(&self, probing: BreakerState) -> bool {
        self.view().state = probing;
        true
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.view().read_at.is_some_and(|read_at| now < read_at.plus(MAX_VIEW_AGE))
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the failed attempts of a call as the breaker counts them; `None` if the registry answered
/// it.
fn failed_attempts<V>(answer: &Result<V, RegistryError>) -> Option<u32> {
    match answer {
        Ok(_) | Err(RegistryError::Refused(_) | RegistryError::UnexpectedResponse(_)) => None,
        Err(RegistryError::Unavailable(none)) => Some(none.attempts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_domain::registry::NoVerdict;
    use connectivity_domain::verdict::{Cause, Evidence};

    #[test]
    fn calls_without_a_verdict_fail_with_their_attempts() {
        let unavailable = |cause, attempts| {
            let retry_after = Duration::ZERO;
            RegistryError::Unavailable(NoVerdict { cause, status: None, retry_after, attempts })
        };
        let evidence = Evidence { status: 400, body: None };
        for (answer, expected) in [
            (Ok(()), None),
            (Err(RegistryError::Refused(evidence.clone())), None),
            (Err(RegistryError::UnexpectedResponse(evidence)), None),
            (Err(unavailable(Cause::Timeout, 3)), Some(3)),
            (Err(unavailable(Cause::Misconfigured, 0)), Some(0)),
        ] {
            assert_eq!(failed_attempts(&answer), expected, "{answer:?}");
        }
    }
}
