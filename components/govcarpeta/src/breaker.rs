//! The circuit breaker at work: one state for all instances, held in the cache.
//!
//! The arithmetic is `connectivity_domain::breaker`. An instance reads the shared state at most once a second, adds
//! what it has seen since by compare-and-set, and tells of failures at once. Where the cache is down each instance
//! goes by what it has seen itself.

use connectivity_domain::breaker::{Admission, BREAKER_KEY, Batch, BreakerState, Policy};
use connectivity_domain::time::Timestamp;
use connectivity_kit::cache::Cache;
use connectivity_kit::log::{self, Level};
use connectivity_kit::runtime;
use connectivity_kit::settings::CacheSettings;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the state outlives the last word about it.
const KEEP: Duration = Duration::from_mins(10);

/// How old an instance's view of the shared state may be.
const FRESH: Duration = Duration::from_secs(1);

/// How often a write is tried when other instances write at the same time.
const WRITES: u32 = 3;

/// What a call may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Ask, and ask again.
    Normal,
    /// Ask once: find out whether the registry is back.
    Probe,
}

/// One instance's view of the shared breaker. No request's data.
pub(crate) struct Breaker {
    cache: Cache,
    view: Mutex<View>,
}

struct View {
    state: BreakerState,
    read_at: Option<Timestamp>,
    unsent: Batch,
}

impl Breaker {
    pub(crate) fn new(cache: &CacheSettings) -> Self {
        let view = View { state: BreakerState::default(), read_at: None, unsent: Batch::default() };
        Self { cache: Cache::new(cache), view: Mutex::new(view) }
    }

    /// May the registry be asked? If not: when again.
    pub(crate) async fn permit(&self) -> Result<Permission, Duration> {
        let now = runtime::now();
        if !self.is_fresh(now) {
            self.synchronise(now).await;
        }
        let admission = self.view().state.admit(now, &Policy::DEFAULT);
        match admission {
            Admission::Go => Ok(Permission::Normal),
            Admission::Refuse { retry_after } => Err(retry_after),
            // The probe is whoever writes it first.
            Admission::Probe(probing) => {
                let won = self.replace(now, |held| match held.admit(now, &Policy::DEFAULT) {
                    Admission::Probe(probing) => Some(probing),
                    Admission::Go | Admission::Refuse { .. } => None,
                });
                if won.await.unwrap_or_else(|| self.take_probe(probing)) { Ok(Permission::Probe) } else { Err(FRESH) }
            }
        }
    }

    /// Tells how a try went.
    pub(crate) async fn report(&self, permission: Permission, success: bool) {
        let now = runtime::now();
        match permission {
            Permission::Probe => {
                let finished = self.view().state.probe_finished(success, now, &Policy::DEFAULT);
                self.view().state = finished;
                self.replace(now, |held| Some(held.probe_finished(success, now, &Policy::DEFAULT))).await;
                log::line(Level::Warn, "breaker probe", &[("success", success.into())]);
            }
            Permission::Normal => {
                self.view().unsent.add(success);
                if !success {
                    self.synchronise(now).await;
                }
            }
        }
    }

    /// Adds what this instance has seen to the shared state, and takes the sum as its view.
    async fn synchronise(&self, now: Timestamp) {
        let unsent = std::mem::take(&mut self.view().unsent);
        let written = self.replace(now, |held| Some(held.apply(&unsent, now, &Policy::DEFAULT))).await;
        if written != Some(true) {
            // Nobody else knows yet: go by it here.
            let mut view = self.view();
            view.state = view.state.apply(&unsent, now, &Policy::DEFAULT);
        }
        self.view().read_at = Some(now);
    }

    /// Replaces the shared state by what `change` makes of it. Tells whether it was replaced; `None`: cache down.
    async fn replace(&self, now: Timestamp, change: impl Fn(&BreakerState) -> Option<BreakerState>) -> Option<bool> {
        for _ in 0..WRITES {
            let held = self.cache.get(BREAKER_KEY, now).await.ok()?;
            let state = BreakerState::decode(held.as_deref().unwrap_or_default());
            let Some(new) = change(&state) else {
                self.view().state = state;
                return Some(false);
            };
            let encoded = new.encode();
            let unchanged = held.as_deref() == Some(encoded.as_str());
            if unchanged || self.cache.compare_and_set(BREAKER_KEY, held.as_deref(), &encoded, KEEP, now).await.ok()? {
                self.view().state = new;
                return Some(true);
            }
        }
        Some(false)
    }

    /// Without the cache nobody else can be asked: each instance probes for itself.
    fn take_probe(&self, probing: BreakerState) -> bool {
        self.view().state = probing;
        true
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.view().read_at.is_some_and(|read_at| now < read_at.plus(FRESH))
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
