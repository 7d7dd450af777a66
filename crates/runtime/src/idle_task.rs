//! An idle task beside the one of a request.
//!
//! wit-bindgen polls the tasks of a call with `FuturesUnordered`, which wakes itself when it has polled
//! all of them, so that others get their turn. A call with a single task is therefore resumed twice
//! for each event, the second time for nothing (docs/upstream.md). With a second task that waits for
//! nothing, only the first event is delivered twice. A task that is started later has to wait for the
//! next event then, unless the running one wakes itself (`request_scope` does).

use crate::host::spawn;
use futures_util::future::{AbortHandle, abortable, pending};

/// The idle task. It ends when this value is dropped.
pub struct IdleTask(AbortHandle);

impl IdleTask {
    /// Starts the task beside the running one.
    pub fn start() -> Self {
        let (task, handle) = abortable(pending::<()>());
        spawn(async move {
            // It always ends by being aborted.
            let _ = task.await;
        });
        Self(handle)
    }
}

impl Drop for IdleTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::IdleTask;

    #[tokio::test]
    async fn task_ends_when_it_is_dropped() {
        let idle = IdleTask::start();
        let handle = idle.0.clone();
        drop(idle);
        assert!(handle.is_aborted());
    }
}
