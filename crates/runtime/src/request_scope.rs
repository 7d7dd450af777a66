//! Request-local state: the context and the timer of the request whose code is running.
//!
//! An instance serves several requests at once, but runs the code of only one at a time. Each time
//! a request's future is polled, its state becomes the current one, so that log lines and deadlines
//! find it without being passed a parameter.

use crate::clock::with_one_time;
use crate::host::take_spawned;
use crate::request_context::RequestContext;
use crate::timer::SharedTimer;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

thread_local! {
    static CURRENT: RefCell<Option<Arc<RequestScope>>> = const { RefCell::new(None) };
}

/// The state of one request.
pub(crate) struct RequestScope {
    pub(crate) context: RequestContext,
    pub(crate) timer: SharedTimer,
}

/// Returns the state of the request whose code is running; `None` outside of any request.
pub(crate) fn current() -> Option<Arc<RequestScope>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Returns the id of the request whose code is running; `None` outside of any request.
pub fn request_id() -> Option<String> {
    current().map(|scope| scope.context.request_id.clone())
}

/// Runs `work` as the work of the request with this context.
///
/// Log lines written inside carry the request's id, deadlines inside share one timer, and code that
/// does not wait reads each clock once.
pub async fn enter<T>(context: &RequestContext, work: impl Future<Output = T>) -> T {
    let scope = Arc::new(RequestScope { context: context.clone(), timer: SharedTimer::default() });
    let mut work = pin!(work);
    poll_fn(|task| {
        let _restore = RestoreOnDrop(CURRENT.replace(Some(Arc::clone(&scope))));
        // One that another request has started is not this one's.
        take_spawned();
        let polled = with_one_time(|| work.as_mut().poll(task));
        if take_spawned() && polled.is_pending() {
            // The new task would wait for the next event of this one (see `IdleTask`).
            task.waker().wake_by_ref();
        }
        polled
    })
    .await
}

/// Makes the previous state current again when dropped, which a panic does too.
struct RestoreOnDrop(Option<Arc<RequestScope>>);

impl Drop for RestoreOnDrop {
    fn drop(&mut self) {
        CURRENT.replace(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use super::{current, enter, request_id};
    use crate::request_context::RequestContext;
    use http::HeaderMap;

    #[tokio::test]
    async fn concurrent_requests_see_their_own_state() {
        let request = async |name: &str| {
            let context = RequestContext::from_headers(&HeaderMap::new(), || name.to_owned());
            enter(&context, async {
                for _ in 0..3 {
                    assert_eq!(request_id().as_deref(), Some(name));
                    tokio::task::yield_now().await;
                }
            })
            .await;
        };
        tokio::join!(request("one"), request("two"));
        assert!(current().is_none());
    }
}
