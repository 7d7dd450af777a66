//! Calls of the host: sleeping and spawning.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

thread_local! {
    /// Whether the running code of a request has started a task.
    static HAS_SPAWNED: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether a task was started since this was last called, and forgets it.
pub(crate) fn take_spawned() -> bool {
    HAS_SPAWNED.replace(false)
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

/// Begins work, and runs the rest of it as a task of its own, which no request waits for.
pub async fn begin(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    if poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await.is_pending() {
        spawn(work);
    }
}

/// Runs a future to its end as a task of its own, which no request waits for.
///
/// The host may end an instance some time after its last response; Spin and the local host give
/// such tasks a minute.
#[cfg(target_family = "wasm")]
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    spin_sdk::wit_bindgen::spawn(future);
    HAS_SPAWNED.set(true);
}

/// Runs a future to its end as a task of its own, which no request waits for.
#[cfg(not(target_family = "wasm"))]
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
    HAS_SPAWNED.set(true);
}
