//! Calls of the host: the clock, ids, random bits, sleeping and spawning.

use connectivity_domain::time::Timestamp;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the current time in UTC.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Returns a new UUID version 7. Such ids sort by the time they were made (RFC 9562 section 5.7).
///
/// ```
/// let (first, second) = (connectivity_runtime::new_id(), connectivity_runtime::new_id());
/// assert_eq!(first.len(), 36);
/// assert_ne!(first, second);
/// ```
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Returns 64 random bits.
pub fn random() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().1
}

/// Waits for `duration`.
#[cfg(target_family = "wasm")]
pub async fn sleep(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    spin_sdk::wasip3::clocks::monotonic_clock::wait_for(nanoseconds).await;
}

/// Waits for `duration`.
#[cfg(not(target_family = "wasm"))]
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Runs a future to its end as a task of its own, which no request waits for.
///
/// The host may end an instance some time after its last response; Spin and the local host give
/// such tasks a minute.
#[cfg(target_family = "wasm")]
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    spin_sdk::wit_bindgen::spawn(future);
}

/// Runs a future to its end as a task of its own, which no request waits for.
#[cfg(not(target_family = "wasm"))]
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}
