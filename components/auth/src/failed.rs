//! Failed logins, counted in the cache for all instances.

use connectivity_domain::access::{Attempts, FailedLogins, LoginThrottle};
use connectivity_domain::time::Timestamp;
use connectivity_kit::cache::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How often a counter that others change at the same time is tried again.
const TRIES: u32 = 20;

/// What somebody hears who comes at the same time as that many others.
const CROWDED: Duration = Duration::from_secs(1);

/// Counters in the cache. One that cannot be reached counts nothing: the way in does not close because a counter is away.
pub(crate) struct Counters(pub(crate) Arc<Cache>);

impl Counters {
    async fn one_more(&self, key: &str, throttle: LoginThrottle, now: Timestamp) -> Option<Duration> {
        let key = format!("connectivity:login:{key}");
        for _ in 0..TRIES {
            let Ok(held) = self.0.get(&key, now).await else { return None };
            let attempts = held.as_deref().and_then(Attempts::parse).unwrap_or_default();
            let more = match attempts.one_more(throttle, now) {
                Ok(more) => more,
                Err(wait) => return Some(wait),
            };
            match self.0.compare_and_set(&key, held.as_deref(), &more.to_text(), more.keep(), now).await {
                Ok(true) | Err(_) => return None,
                Ok(false) => {}
            }
        }
        Some(CROWDED)
    }
}

impl FailedLogins for Counters {
    async fn attempt(&self, keys: &[(String, LoginThrottle)], now: Timestamp) -> Option<Duration> {
        for (key, throttle) in keys {
            if let Some(wait) = self.one_more(key, *throttle, now).await {
                return Some(wait);
            }
        }
        None
    }

    async fn forget(&self, keys: &[(String, LoginThrottle)], now: Timestamp) {
        for (key, _) in keys {
            // An empty counter reads as none. What cannot be forgotten runs out by itself.
            let _ = self.0.put(&format!("connectivity:login:{key}"), "", Duration::from_millis(1), now).await;
        }
    }
}
