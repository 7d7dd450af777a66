//! What a component asks of its host besides I/O: the time, a timer, a task of its own.

use crate::alarm::Deadline;
use connectivity_domain::time::Timestamp;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time now, UTC.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// A new id: UUID version 7, which sorts by time (RFC 9562 section 5.7).
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// 64 random bits.
pub fn random() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().1
}

/// Waits.
#[cfg(target_family = "wasm")]
pub async fn sleep(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    spin_sdk::wasip3::clocks::monotonic_clock::wait_for(nanoseconds).await;
}

/// Waits.
#[cfg(not(target_family = "wasm"))]
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Lets a future run to its end though nobody waits for it any more.
#[cfg(target_family = "wasm")]
pub(crate) fn detach(future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    spin_sdk::wit_bindgen::spawn(future);
}

/// Lets a future run to its end though nobody waits for it any more.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn detach(future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    tokio::spawn(future);
}

/// Keeps a [`Gate`] shut until it is dropped, by whichever request of the instance.
#[cfg(target_family = "wasm")]
pub struct Latch {
    _end: spin_sdk::wit_bindgen::StreamWriter<u8>,
}

/// Keeps a [`Gate`] shut until it is dropped, by whichever request of the instance.
#[cfg(not(target_family = "wasm"))]
pub struct Latch {
    _end: tokio::sync::oneshot::Sender<()>,
}

/// What a request waits at until another one opens it.
#[cfg(target_family = "wasm")]
pub struct Gate(spin_sdk::wit_bindgen::StreamReader<u8>);

/// What a request waits at until another one opens it.
#[cfg(not(target_family = "wasm"))]
pub struct Gate(tokio::sync::oneshot::Receiver<()>);

/// A gate that is shut, and its latch.
#[cfg(target_family = "wasm")]
pub fn gate() -> (Latch, Gate) {
    let (writer, reader) = spin_sdk::wasip3::wit_stream::new();
    (Latch { _end: writer }, Gate(reader))
}

/// A gate that is shut, and its latch.
#[cfg(not(target_family = "wasm"))]
pub fn gate() -> (Latch, Gate) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    (Latch { _end: sender }, Gate(receiver))
}

impl Gate {
    /// Returns when the latch is gone.
    #[cfg(target_family = "wasm")]
    pub async fn opened(mut self) {
        // Nothing is ever written: the read ends because the other end was dropped.
        let _ = self.0.next().await;
    }

    /// Returns when the latch is gone.
    #[cfg(not(target_family = "wasm"))]
    pub async fn opened(self) {
        let _ = self.0.await;
    }
}

/// Waits for `work` at most `limit`; after that the work is dropped.
pub async fn timeout<T>(limit: Duration, work: impl Future<Output = T> + Send) -> Option<T> {
    match select(pin!(work), Deadline::after(limit)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

/// Waits for `work` at most `limit`; after that the work goes on by itself and nobody hears of its result.
///
/// For what must not be cut off in the middle: a statement on a kept connection, whose handle would be left in an
/// unknown state.
pub async fn timeout_detached<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    match select(Box::pin(work), Deadline::after(limit)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), unfinished)) => {
            detach(Box::pin(async move {
                unfinished.await;
            }));
            None
        }
    }
}
