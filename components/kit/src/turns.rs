//! A fixed number of places that the requests of one instance take in turn.
//!
//! Not a semaphore of an async library: those wake a waiter through its `Waker`, and a request of an instance cannot
//! be woken by another one that way (the instance traps). What does wake it is an event of the component model, so
//! a waiter reads a stream whose other end is dropped when its turn has come.

use crate::runtime::{Latch, gate};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places, and who waits for one: first in, first out.
pub struct Turns {
    queue: Mutex<Queue>,
}

struct Queue {
    free: usize,
    next_ticket: u64,
    waiting: VecDeque<(u64, Latch)>,
}

/// One of the places; free again when dropped.
pub struct Place {
    turns: Arc<Turns>,
}

/// Somebody in the queue. Dropped early, it leaves the queue, or passes on the place it was given meanwhile.
struct Waiter {
    turns: Arc<Turns>,
    ticket: u64,
    seated: bool,
}

impl Turns {
    /// `places` of them, all free.
    pub fn new(places: usize) -> Arc<Self> {
        let queue = Queue { free: places, next_ticket: 0, waiting: VecDeque::new() };
        Arc::new(Self { queue: Mutex::new(queue) })
    }

    /// A place, as soon as it is this caller's turn.
    pub async fn take(self: &Arc<Self>) -> Place {
        let (mut waiter, gate) = {
            let mut queue = self.queue();
            if queue.free > 0 {
                queue.free -= 1;
                return Place { turns: Arc::clone(self) };
            }
            let ticket = queue.next_ticket;
            queue.next_ticket += 1;
            let (latch, gate) = gate();
            queue.waiting.push_back((ticket, latch));
            (Waiter { turns: Arc::clone(self), ticket, seated: false }, gate)
        };
        gate.opened().await;
        waiter.seated = true;
        Place { turns: Arc::clone(self) }
    }

    /// Gives a place that became free to who waits longest.
    fn pass_on(&self) {
        let next = {
            let mut queue = self.queue();
            let next = queue.waiting.pop_front();
            if next.is_none() {
                queue.free += 1;
            }
            next
        };
        drop(next);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turns.pass_on();
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.seated {
            return;
        }
        let left = {
            let mut queue = self.turns.queue();
            let position = queue.waiting.iter().position(|(ticket, _)| *ticket == self.ticket);
            position.and_then(|position| queue.waiting.remove(position))
        };
        if left.is_none() {
            self.turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::pin::pin;

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_the_queue() {
        let turns = Turns::new(1);
        let place = turns.take().await;
        let mut impatient = Box::pin(turns.take());
        assert!(impatient.as_mut().now_or_never().is_none());
        let mut patient = pin!(turns.take());
        assert!(patient.as_mut().now_or_never().is_none());
        drop(impatient);
        drop(place);
        assert!(patient.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_place_given_to_somebody_who_is_gone_is_passed_on() {
        let turns = Turns::new(1);
        let place = turns.take().await;
        let mut gone = Box::pin(turns.take());
        assert!(gone.as_mut().now_or_never().is_none());
        drop(place);
        assert!(pin!(turns.take()).now_or_never().is_none(), "nobody overtakes");
        drop(gone);
        assert!(turns.take().now_or_never().is_some());
    }

    #[tokio::test]
    async fn every_place_comes_back_whatever_happens_to_its_holder() {
        let turns = Turns::new(3);
        for round in 0..50 {
            let mut tasks = Vec::new();
            for number in 0..20 {
                let turns = Arc::clone(&turns);
                tasks.push(tokio::spawn(async move {
                    let _place = turns.take().await;
                    for _ in 0..number % 4 {
                        tokio::task::yield_now().await;
                    }
                }));
            }
            tokio::task::yield_now().await;
            tasks.iter().skip(round % 5).step_by(3).for_each(tokio::task::JoinHandle::abort);
            futures_util::future::join_all(tasks).await;
        }
        let all = [turns.take().now_or_never(), turns.take().now_or_never(), turns.take().now_or_never()];
        assert!(all.iter().all(Option::is_some));
        assert!(turns.take().now_or_never().is_none());
    }
}
