//! One timer of the host, shared by all deadlines of a request.
//!
//! A timer that never fires costs five calls of the host (start, join the waitable set, leave it,
//! cancel, drop), and one more each time it is polled. A request has several deadlines one after
//! the other, and they hardly ever pass. One timer for all of them, polled only after it has fired,
//! saves three percent of an affiliation check (docs/performance.md).

use crate::clock::instant;
use crate::host::sleep;
use std::future::Future;
use std::mem::take;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// A timer of the host.
pub(crate) type HostTimer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts a timer of the host.
pub(crate) fn start(duration: Duration) -> HostTimer {
    Box::pin(sleep(duration))
}

/// The timer of one request. It is started by the first deadline.
#[derive(Default)]
pub(crate) struct SharedTimer {
    running: Mutex<Option<Running>>,
    waiters: Arc<Waiters>,
}

struct Running {
    fires_at: Instant,
    timer: HostTimer,
}

impl SharedTimer {
    /// Returns `Ready` once `moment` has passed. Until then the task of `context` is woken when it
    /// passes, and perhaps earlier.
    pub(crate) fn poll(&self, moment: Instant, context: &Context<'_>) -> Poll<()> {
        self.waiters.add(context.waker());
        let waker = Waker::from(Arc::clone(&self.waiters));
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match running.as_mut() {
                // A timer that fires before the moment is enough for now. It is polled only after
                // it has fired, because each poll costs a call of the host.
                Some(held) if held.fires_at <= moment => {
                    let has_fired = self.waiters.fired.swap(false, Ordering::Relaxed);
                    if !has_fired || held.timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                        return Poll::Pending;
                    }
                    // The deadlines that are later than this one start the timer again.
                    waker.wake_by_ref();
                    if running.take().is_some_and(|held| held.fires_at >= moment) {
                        return Poll::Ready(());
                    }
                }
                _ => {
                    let left = moment.saturating_duration_since(instant());
                    if left.is_zero() {
                        return Poll::Ready(());
                    }
                    *running = Some(Running { fires_at: moment, timer: start(left) });
                    // The first poll starts it.
                    self.waiters.fired.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

/// The tasks that wait for the timer. They belong to one request, but may be polled independently.
#[derive(Default)]
struct Waiters {
    fired: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Waiters {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|held| held.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.fired.store(true, Ordering::Relaxed);
        let wakers = take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}
