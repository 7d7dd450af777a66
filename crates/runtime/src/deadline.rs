//! Limits on how long a future may take.

use crate::clock::instant;
use crate::host::spawn;
use crate::request_scope;
use crate::timer::{self, HostTimer};
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Waits for `work` for at most `limit`. When the limit passes, `work` is dropped and the result is
/// `None`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use connectivity_runtime::deadline::timeout;
/// use std::time::Duration;
///
/// assert_eq!(timeout(Duration::from_secs(1), async { 7 }).await, Some(7));
/// assert_eq!(timeout(Duration::from_millis(1), std::future::pending::<()>()).await, None);
/// # }
/// ```
pub async fn timeout<T>(limit: Duration, work: impl Future<Output = T> + Send) -> Option<T> {
    timeout_at(instant() + limit, work).await
}

/// Waits for `work` until `moment`. When it passes, `work` is dropped and the result is `None`.
pub async fn timeout_at<T>(moment: Instant, work: impl Future<Output = T> + Send) -> Option<T> {
    match select(pin!(work), Deadline { moment, own: None }).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

/// Waits for `work` for at most `limit`. When the limit passes, the result is `None`, and `work`
/// runs on as a task of its own.
///
/// This is for work that must not be dropped half-way: a statement on a pooled connection, whose
/// handle would be left in an unknown state.
pub async fn timeout_detached<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    match select(Box::pin(work), Deadline { moment: instant() + limit, own: None }).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), unfinished)) => {
            spawn(async move {
                unfinished.await;
            });
            None
        }
    }
}

/// A future that resolves at a moment. Inside a request it shares the request's timer.
struct Deadline {
    moment: Instant,
    /// The timer of a deadline outside of any request.
    own: Option<HostTimer>,
}

impl Future for Deadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Looked up at each poll: work that `timeout_detached` detached is in no request any more.
        if let Some(scope) = request_scope::current() {
            return scope.timer.poll(self.moment, context);
        }
        let left = self.moment.saturating_duration_since(instant());
        self.own.get_or_insert_with(|| timer::start(left)).as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::timeout;
    use crate::request_context::RequestContext;
    use crate::request_scope;
    use futures_util::stream::{FuturesUnordered, StreamExt};
    use http::HeaderMap;
    use std::future::{pending, ready};
    use std::time::{Duration, Instant};

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_millis(80);

    #[tokio::test]
    async fn sequential_deadlines_do_not_busy_poll() {
        let mut polls = 0;
        let waited = in_request(async {
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

    async fn in_request<T>(work: impl Future<Output = T>) -> T {
        let context = RequestContext::from_headers(&HeaderMap::new(), || "one".into());
        request_scope::enter(&context, work).await
    }

    async fn time_to_pass(limit: Duration) -> Duration {
        let started = Instant::now();
        assert_eq!(timeout(limit, pending::<()>()).await, None);
        started.elapsed()
    }

    #[tokio::test]
    async fn deadline_passes_on_time_after_an_earlier_one_that_did_not_pass() {
        in_request(async {
            for (first, then) in [(SHORT, LONG), (LONG, SHORT), (SHORT, SHORT)] {
                assert_eq!(timeout(first, ready(1)).await, Some(1));
                // The timer of this deadline is still running when the next one starts.
                assert_eq!(timeout(first, async { tokio::task::yield_now().await }).await, Some(()));
                let took = time_to_pass(then).await;
                assert!(took >= then && took < then + LONG, "{took:?} instead of {then:?}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn concurrent_deadlines_pass_each_on_time() {
        let limits = [LONG, SHORT, LONG * 2];
        let (joined, unordered) = in_request(async {
            let joined = futures_util::future::join_all(limits.map(time_to_pass)).await;
            let unordered: FuturesUnordered<_> =
                limits.into_iter().map(|limit| async move { (limit, time_to_pass(limit).await) }).collect();
            (joined, unordered.collect::<Vec<_>>().await)
        })
        .await;
        for (limit, took) in limits.into_iter().zip(joined).chain(unordered) {
            assert!(took >= limit && took < limit + LONG, "{took:?} instead of {limit:?}");
        }
    }

    #[tokio::test]
    async fn deadline_outside_of_a_request_passes() {
        assert!(time_to_pass(SHORT).await >= SHORT);
    }
}
