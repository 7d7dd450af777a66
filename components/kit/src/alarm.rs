//! Deadlines. Those of one request share one timer of the host.
//!
//! A timer that never rings takes five calls of the host (begin, join the waitable set, leave it, cancel, drop), and one more
//! each time it is asked about. A request has several deadlines, one after the other, and they hardly ever pass: one timer
//! for all of them, asked about only when it has rung, is worth three percent of an affiliation check (docs/performance.md).

use crate::runtime::sleep;
use crate::scope;
use std::future::Future;
use std::mem::take;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The timer of one request, set at its first deadline.
#[derive(Default)]
pub(crate) struct Alarm {
    set: Mutex<Option<Set>>,
    bell: Arc<Bell>,
}

struct Set {
    rings: Instant,
    timer: Timer,
}

impl Alarm {
    /// Has this moment come? If not, whoever asks is woken when it has, and perhaps before.
    fn poll(&self, moment: Instant, context: &Context<'_>) -> Poll<()> {
        self.bell.wakes(context.waker());
        let waker = Waker::from(Arc::clone(&self.bell));
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match set.as_mut() {
                // What rings before the moment will do for now. To ask the host about it once more costs a call.
                Some(held) if held.rings <= moment => {
                    let has_rung = self.bell.rung.swap(false, Ordering::Relaxed);
                    if !has_rung || held.timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                        return Poll::Pending;
                    }
                    // The others set it anew, those that wait for a later moment.
                    waker.wake_by_ref();
                    if set.take().is_some_and(|held| held.rings >= moment) {
                        return Poll::Ready(());
                    }
                }
                _ => {
                    let left = moment.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Poll::Ready(());
                    }
                    *set = Some(Set { rings: moment, timer: Box::pin(sleep(left)) });
                    // It has to be asked once to begin.
                    self.bell.rung.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

/// What the timer wakes: futures of one request, which may be polled each by itself.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Bell {
    fn wakes(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|held| held.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Relaxed);
        let wakers = take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Ends when a moment has come.
pub(crate) struct Deadline {
    moment: Instant,
    /// Of what belongs to no request.
    own: Option<Timer>,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { moment: Instant::now() + limit, own: None }
    }
}

impl Future for Deadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Each time anew: what is cut loose from its request (see `runtime::timeout_detached`) has its alarm no more.
        if let Some(scope) = scope::current() {
            return scope.alarm.poll(self.moment, context);
        }
        let left = self.moment.saturating_duration_since(Instant::now());
        self.own.get_or_insert_with(|| Box::pin(sleep(left))).as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use crate::request::RequestContext;
    use crate::{runtime::timeout, scope};
    use futures_util::stream::{FuturesUnordered, StreamExt};
    use http::HeaderMap;
    use std::future::{pending, ready};
    use std::time::{Duration, Instant};

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_millis(80);

    #[tokio::test]
    async fn one_deadline_after_the_other_rests_between_them() {
        let mut polls = 0;
        let waited = within(async {
            for _ in 0..3 {
                timeout(
                    SHORT,
                    std::future::poll_fn(|_| {
                        polls += 1;
                        std::task::Poll::<()>::Pending
                    }),
                )
                .await;
            }
        });
        assert!(tokio::time::timeout(Duration::from_secs(5), waited).await.is_ok());
        assert!(polls < 20, "{polls}");
    }

    async fn within<T>(work: impl Future<Output = T>) -> T {
        scope::within(&RequestContext::of(&HeaderMap::new(), || "one".into()), work).await
    }

    async fn cut_off_after(limit: Duration) -> Duration {
        let started = Instant::now();
        assert_eq!(timeout(limit, pending::<()>()).await, None);
        started.elapsed()
    }

    #[tokio::test]
    async fn a_deadline_passes_not_before_its_time_after_one_that_did_not_pass() {
        within(async {
            for (first, then) in [(SHORT, LONG), (LONG, SHORT), (SHORT, SHORT)] {
                assert_eq!(timeout(first, ready(1)).await, Some(1));
                // Its timer is still set.
                assert_eq!(timeout(first, async { tokio::task::yield_now().await }).await, Some(()));
                let took = cut_off_after(then).await;
                assert!(took >= then && took < then + LONG, "{took:?} instead of {then:?}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn deadlines_at_the_same_time_pass_each_at_its_own() {
        let limits = [LONG, SHORT, LONG * 2];
        let (all, each_by_itself) = within(async {
            let all = futures_util::future::join_all(limits.map(cut_off_after)).await;
            let each: FuturesUnordered<_> =
                limits.into_iter().map(|limit| async move { (limit, cut_off_after(limit).await) }).collect();
            (all, each.collect::<Vec<_>>().await)
        })
        .await;
        let pairs = limits.into_iter().zip(all).chain(each_by_itself);
        for (limit, took) in pairs {
            assert!(took >= limit && took < limit + LONG, "{took:?} instead of {limit:?}");
        }
    }

    #[tokio::test]
    async fn what_belongs_to_no_request_has_a_deadline_too() {
        assert!(cut_off_after(SHORT).await >= SHORT);
    }
}
