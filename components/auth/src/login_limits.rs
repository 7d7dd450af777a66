//! Limits on logins: failed attempts and the queue of all instances, kept where all instances see
//! them, and the queue of this instance.

use crate::secrets::wrong;
use connectivity_domain::access::{
    Attempts, FailedLogins, LONGEST_WAIT, LoginPace, LoginQueue, LoginThrottle, Slot, Tried, WrongSecrets,
};
use connectivity_domain::time::Timestamp;
use connectivity_runtime::deadline::timeout;
use connectivity_runtime::semaphore::{Permit, Semaphore};
use connectivity_runtime::sleep;
use connectivity_storage::cache::{Cache, CacheDown, CacheSettings};
use std::sync::Arc;
use std::time::Duration;

const PREFIX: &str = "connectivity:login:";

/// How often an update is tried while others change the same value.
const MAX_TRIES: u32 = 20;

/// How long a caller has to wait if all these tries fail, or if nothing can be stored.
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long the queue is kept after its last login started.
const KEEP_QUEUE: Duration = Duration::from_mins(1);

/// The limits, in the shared cache. While it is down they are in the host's own SQLite, which the
/// instances of one process share if it is a file.
pub(crate) struct CachedLimits {
    shared: Arc<Cache>,
    local: Cache,
    pace: LoginPace,
    comparing: Arc<Semaphore>,
}

/// Returns what replaces a value, for how long it is kept, and how long the caller has to wait; or
/// how long the caller has to wait until the value may change.
type Change<'a> = &'a (dyn Fn(Option<&str>) -> Result<(String, Duration, Duration), Duration> + Sync);

impl CachedLimits {
    pub(crate) fn new(shared: Arc<Cache>, pace: LoginPace) -> Self {
        Self { shared, local: Cache::new(&CacheSettings::Embedded), pace, comparing: Semaphore::new(1) }
    }

    /// Replaces the value of a key by the one that `change` returns for it.
    // Not generic: each copy of the calls of both caches takes kilobytes of wasm.
    async fn update(&self, key: &str, now: Timestamp, change: Change<'_>) -> Result<Duration, Duration> {
        let key = format!("{PREFIX}{key}");
        for cache in [&*self.shared, &self.local] {
            // The cache has logged the cause.
            if let Ok(result) = update_in(cache, &key, now, change).await {
                return result;
            }
        }
        Err(RETRY_AFTER_FAILURE)
    }
}

async fn update_in(
    cache: &Cache,
    key: &str,
    now: Timestamp,
    change: Change<'_>,
) -> Result<Result<Duration, Duration>, CacheDown> {
    for _ in 0..MAX_TRIES {
        let held = cache.get(key, now).await?;
        let (value, keep, wait) = match change(held.as_deref()) {
            Ok(update) => update,
            Err(wait) => return Ok(Err(wait)),
        };
        if cache.compare_and_set(key, held.as_deref(), &value, keep, now).await? {
            return Ok(Ok(wait));
        }
    }
    Ok(Err(RETRY_AFTER_FAILURE))
}

fn attempts(held: Option<&str>) -> Attempts {
    held.and_then(Attempts::parse).unwrap_or_default()
}

fn stored(attempts: Attempts) -> (String, Duration, Duration) {
    (attempts.to_text(), attempts.keep(), Duration::ZERO)
}

impl FailedLogins for CachedLimits {
    async fn attempt(&self, keys: &[(String, LoginThrottle)], now: Timestamp) -> Option<Duration> {
        for (key, throttle) in keys {
            let count = |held: Option<&str>| Ok(stored(attempts(held).one_more(*throttle, now)?));
            if let Err(wait) = self.update(key, now, &count).await {
                return Some(wait);
            }
        }
        None
    }

    async fn forget(&self, keys: &[(String, LoginThrottle)], now: Timestamp) {
        for (key, _) in keys {
            let key = format!("{PREFIX}{key}");
            for cache in [&*self.shared, &self.local] {
                // An empty value counts as none. If this fails, the attempts expire by themselves.
                if cache.put(&key, "", Duration::from_millis(1), now).await.is_ok() {
                    break;
                }
            }
        }
    }

    async fn withdraw(&self, keys: &[(String, LoginThrottle)], now: Timestamp) {
        for (key, _) in keys {
            let _ = self.update(key, now, &|held| Ok(stored(attempts(held).one_less()))).await;
        }
    }
}

impl WrongSecrets for CachedLimits {
    async fn is_known_wrong(&self, tried: Tried<'_>, now: Timestamp) -> bool {
        let (key, digest) = (format!("{PREFIX}wrong:{}", tried.key), wrong::digest(tried));
        for cache in [&*self.shared, &self.local] {
            if let Ok(held) = cache.get(&key, now).await {
                return held.is_some_and(|held| wrong::contains(&held, &digest));
            }
        }
        false
    }

    async fn remember_wrong(&self, tried: Tried<'_>, now: Timestamp) {
        let (key, digest) = (format!("wrong:{}", tried.key), wrong::digest(tried));
        let add = |held: Option<&str>| Ok((wrong::add(held.unwrap_or_default(), &digest), wrong::KEPT, Duration::ZERO));
        // If this fails, the secret is compared and counted again.
        let _ = self.update(&key, now, &add).await;
    }
}

impl LoginQueue for CachedLimits {
    type Permit = Permit;

    async fn enter(&self) -> Result<Permit, Duration> {
        timeout(LONGEST_WAIT, self.comparing.acquire()).await.ok_or(RETRY_AFTER_FAILURE)
    }

    async fn wait(&self, now: Timestamp) -> Result<(), Duration> {
        let reserve = |held: Option<&str>| {
            let free_at = held.and_then(|text| text.parse().ok()).map(Timestamp::from_micros).unwrap_or_default();
            let Slot { wait, next } = self.pace.reserve(free_at, now)?;
            Ok((next.as_micros().to_string(), KEEP_QUEUE + next.since(now), wait))
        };
        let wait = self.update("queue", now, &reserve).await?;
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(())
    }
}
