//! Counts failed logins in the cache, which all instances share.

use connectivity_domain::access::{Attempts, FailedLogins, LoginThrottle};
use connectivity_domain::time::Timestamp;
use connectivity_storage::cache::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How often the update of a counter is tried while others change it at the same time.
const MAX_TRIES: u32 = 20;

/// How long a caller has to wait if all these tries fail.
const RETRY_AFTER_CONFLICTS: Duration = Duration::from_secs(1);

/// Counters in the cache. While the cache is down nothing is counted: logins go on.
pub(crate) struct Counters(pub(crate) Arc<Cache>);

impl Counters {
    async fn count_attempt(&self, key: &str, throttle: LoginThrottle, now: Timestamp) -> Option<Duration> {
        let key = format!("connectivity:login:{key}");
        for _ in 0..MAX_TRIES {
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
        Some(RETRY_AFTER_CONFLICTS)
    }
}

impl FailedLogins for Counters {
    async fn attempt(&self, keys: &[(String, LoginThrottle)], now: Timestamp) -> Option<Duration> {
        for (key, throttle) in keys {
            if let Some(wait) = self.count_attempt(key, *throttle, now).await {
                return Some(wait);
            }
        }
        None
    }

    async fn forget(&self, keys: &[(String, LoginThrottle)], now: Timestamp) {
        for (key, _) in keys {
            // An empty counter counts as none. If this fails, the counter expires by itself.
            let _ = self.0.put(&format!("connectivity:login:{key}"), "", Duration::from_millis(1), now).await;
        }
    }
}
