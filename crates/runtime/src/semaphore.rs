//! A fair semaphore between the requests of one instance.
//!
//! A semaphore of an async library cannot be used here: it wakes a waiter through its `Waker`, and
//! one request of an instance cannot wake another one that way (the instance traps). An event of
//! the component model can, so a waiter awaits a [drop signal](crate::signal) that is dropped when
//! a permit becomes free for it.

use crate::signal::{Signal, signal};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A fixed number of permits, given to waiters in the order in which they came.
pub struct Semaphore {
    queue: Mutex<Queue>,
}

struct Queue {
    free: usize,
    next_ticket: u64,
    waiting: VecDeque<(u64, Signal)>,
}

/// A permit of a [`Semaphore`]. Dropping it releases it.
pub struct Permit {
    semaphore: Arc<Semaphore>,
}

/// A waiter in the queue. Dropped before it has its permit, it leaves the queue, or releases the
/// permit that it was given meanwhile.
struct Waiting {
    semaphore: Arc<Semaphore>,
    ticket: u64,
    served: bool,
}

impl Semaphore {
    /// Creates a semaphore with this many permits, all free.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use connectivity_runtime::semaphore::Semaphore;
    ///
    /// let one_at_a_time = Semaphore::new(1);
    /// let permit = one_at_a_time.acquire().await;
    /// // Other callers wait until this permit is dropped.
    /// drop(permit);
    /// one_at_a_time.acquire().await;
    /// # }
    /// ```
    pub fn new(permits: usize) -> Arc<Self> {
        let queue = Queue { free: permits, next_ticket: 0, waiting: VecDeque::new() };
        Arc::new(Self { queue: Mutex::new(queue) })
    }

    /// Waits for a permit. Waiters are served first in, first out.
    pub async fn acquire(self: &Arc<Self>) -> Permit {
        let (mut waiting, signalled) = {
            let mut queue = self.queue();
            if queue.free > 0 {
                queue.free -= 1;
                return Permit { semaphore: Arc::clone(self) };
            }
            let ticket = queue.next_ticket;
            queue.next_ticket += 1;
            let (signal, signalled) = signal();
            queue.waiting.push_back((ticket, signal));
            (Waiting { semaphore: Arc::clone(self), ticket, served: false }, signalled)
        };
        signalled.wait().await;
        waiting.served = true;
        Permit { semaphore: Arc::clone(self) }
    }

    /// Gives a permit that became free to the waiter at the head of the queue.
    fn release(&self) {
        let next = {
            let mut queue = self.queue();
            let next = queue.waiting.pop_front();
            if next.is_none() {
                queue.free += 1;
            }
            next
        };
        // Only after the lock was released: dropping the signal may run the waiter.
        drop(next);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.semaphore.release();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.served {
            return;
        }
        let left = {
            let mut queue = self.semaphore.queue();
            let position = queue.waiting.iter().position(|(ticket, _)| *ticket == self.ticket);
            position.and_then(|position| queue.waiting.remove(position))
        };
        if left.is_none() {
            self.semaphore.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::pin::pin;

    #[tokio::test]
    async fn cancelled_waiter_leaves_the_queue() {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await;
        let mut cancelled = Box::pin(semaphore.acquire());
        assert!(cancelled.as_mut().now_or_never().is_none());
        let mut patient = pin!(semaphore.acquire());
        assert!(patient.as_mut().now_or_never().is_none());
        drop(cancelled);
        drop(permit);
        assert!(patient.now_or_never().is_some());
    }

    #[tokio::test]
    async fn permit_given_to_a_cancelled_waiter_is_released() {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await;
        let mut cancelled = Box::pin(semaphore.acquire());
        assert!(cancelled.as_mut().now_or_never().is_none());
        drop(permit);
        assert!(pin!(semaphore.acquire()).now_or_never().is_none(), "waiters are served in order");
        drop(cancelled);
        assert!(semaphore.acquire().now_or_never().is_some());
    }

    #[tokio::test]
    async fn no_permit_is_lost_when_holders_and_waiters_are_cancelled() {
        let semaphore = Semaphore::new(3);
        for round in 0..50 {
            let mut tasks = Vec::new();
            for number in 0..20 {
                let semaphore = Arc::clone(&semaphore);
                tasks.push(tokio::spawn(async move {
                    let _permit = semaphore.acquire().await;
                    for _ in 0..number % 4 {
                        tokio::task::yield_now().await;
                    }
                }));
            }
            tokio::task::yield_now().await;
            tasks.iter().skip(round % 5).step_by(3).for_each(tokio::task::JoinHandle::abort);
            futures_util::future::join_all(tasks).await;
        }
        let acquire = || semaphore.acquire().now_or_never();
        let all = [acquire(), acquire(), acquire()];
        assert!(all.iter().all(Option::is_some));
        assert!(acquire().is_none());
    }
}
