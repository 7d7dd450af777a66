//! What belongs to the request whose code is running, wherever that code is: its names for log lines, its alarm.
//!
//! An instance runs several requests at once, but the code of one at a time: each time a request's future is polled, the
//! request is the current one.

use crate::alarm::Alarm;
use crate::request::RequestContext;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Scope>>> = const { RefCell::new(None) };
}

/// What belongs to one request.
pub(crate) struct Scope {
    pub(crate) context: RequestContext,
    pub(crate) alarm: Alarm,
}

/// The request whose code is running; none: it is nobody's.
pub(crate) fn current() -> Option<Arc<Scope>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Runs a request's work as that request's.
pub async fn within<T>(context: &RequestContext, work: impl Future<Output = T>) -> T {
    let scope = Arc::new(Scope { context: context.clone(), alarm: Alarm::default() });
    let mut work = pin!(work);
    poll_fn(|task| {
        let _entered = Entered(CURRENT.replace(Some(Arc::clone(&scope))));
        work.as_mut().poll(task)
    })
    .await
}

/// Whose code ran before; it runs again when this is dropped, which a panic does too.
struct Entered(Option<Arc<Scope>>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.replace(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use super::{current, within};
    use crate::request::RequestContext;
    use http::HeaderMap;

    #[tokio::test]
    async fn each_of_several_requests_at_once_is_itself() {
        let request = async |name: &str| {
            let context = RequestContext::of(&HeaderMap::new(), || name.to_owned());
            within(&context, async {
                for _ in 0..3 {
                    assert_eq!(current().map(|scope| scope.context.request_id.clone()).as_deref(), Some(name));
                    tokio::task::yield_now().await;
                }
            })
            .await;
        };
        tokio::join!(request("one"), request("two"));
        assert!(current().is_none());
    }
}
