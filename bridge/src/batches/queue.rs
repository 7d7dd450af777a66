//! Which of the deliveries that wait make the next batch, and when it may be sent. No I/O.

use super::{MAX_BODIES, MAX_DELIVERIES};
use std::collections::VecDeque;
use std::time::Duration;

/// How many batches of the largest size are in flight at the same time. Fewer would leave the
/// components without work while a response is on its way; with more, fewer deliveries wait for each
/// batch.
const IN_FLIGHT: usize = 4;

/// A batch that took longer is slow. The answers of a batch arrive together, so a delivery that takes
/// long holds the others up.
const SLOW: Duration = Duration::from_secs(1);

/// Deliveries that wait for a batch.
pub(super) struct Queue<T> {
    waiting: VecDeque<(usize, T)>,
    limits: Limits,
    in_flight: usize,
}

/// The limits of batches. Slow batches become smaller and more, until each delivery is alone.
#[derive(Debug)]
struct Limits {
    size: usize,
}

impl Limits {
    fn adapt(&mut self, is_slow: bool) {
        self.size = if is_slow { (self.size / 2).max(1) } else { (self.size * 2).min(MAX_DELIVERIES) };
    }

    fn in_flight(&self) -> usize {
        IN_FLIGHT * MAX_DELIVERIES / self.size
    }
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), limits: Limits { size: MAX_DELIVERIES }, in_flight: 0 }
    }

    /// Adds a delivery whose body has this many bytes.
    pub(super) fn add(&mut self, bytes: usize, delivery: T) {
        self.waiting.push_back((bytes, delivery));
    }

    /// Reserves a batch for deliveries that wait. Returns false if none wait, or too many batches are
    /// in flight.
    pub(super) fn reserve(&mut self) -> bool {
        let may_start = !self.waiting.is_empty() && self.in_flight < self.limits.in_flight();
        self.in_flight += usize::from(may_start);
        may_start
    }

    /// Returns what waits now, as far as it fits a batch that has been reserved. It may be nothing.
    pub(super) fn take(&mut self) -> Vec<T> {
        let (mut batch, mut total) = (Vec::new(), 0);
        while let Some((bytes, _)) = self.waiting.front() {
            total += bytes;
            if batch.len() == self.limits.size || total > MAX_BODIES && !batch.is_empty() {
                break;
            }
            batch.extend(self.waiting.pop_front().map(|(_, delivery)| delivery));
        }
        batch
    }

    /// Ends the reservation of a batch.
    pub(super) fn release(&mut self) {
        self.in_flight -= 1;
    }

    /// Adapts the limits to a batch that took this long.
    pub(super) fn took(&mut self, duration: Duration) {
        self.limits.adapt(duration > SLOW);
    }

    /// Adapts the limits to a batch that failed, maybe because of one of its deliveries.
    pub(super) fn failed(&mut self) {
        self.limits.adapt(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(bytes: &[usize]) -> Queue<usize> {
        let mut queue = Queue::new();
        bytes.iter().enumerate().for_each(|(number, bytes)| queue.add(*bytes, number));
        queue
    }

    #[test]
    fn batch_is_what_waits_within_its_limits() {
        let mut queue = filled(&[1; MAX_DELIVERIES + 1]);
        assert_eq!(queue.take(), (0..MAX_DELIVERIES).collect::<Vec<_>>());
        assert_eq!((queue.take(), queue.take()), (vec![MAX_DELIVERIES], Vec::new()));
        let mut queue = filled(&[MAX_BODIES - 1, 1, 1, MAX_BODIES + 1, 0]);
        assert_eq!([queue.take(), queue.take(), queue.take(), queue.take()], [vec![0, 1], vec![2], vec![3], vec![4]]);
    }

    #[test]
    fn so_many_batches_are_in_flight() {
        let mut queue = filled(&[1; 10]);
        assert_eq!((0..=IN_FLIGHT).filter(|_| queue.reserve()).count(), IN_FLIGHT);
        queue.release();
        assert!(queue.reserve() && !queue.reserve());
        queue.release();
        queue.take();
        assert!(!queue.reserve(), "nothing waits");
    }

    #[test]
    fn slow_and_failed_batches_become_smaller_and_more() {
        let mut queue = filled(&[1; 200]);
        queue.took(SLOW + Duration::from_millis(1));
        queue.failed();
        assert_eq!(queue.take().len(), MAX_DELIVERIES / 4);
        (0..10).for_each(|_| queue.failed());
        assert_eq!(queue.take().len(), 1);
        assert_eq!((0..1_000).filter(|_| queue.reserve()).count(), IN_FLIGHT * MAX_DELIVERIES);
        (0..10).for_each(|_| queue.took(SLOW));
        assert_eq!(queue.take().len(), MAX_DELIVERIES);
        assert!(!queue.reserve(), "fewer are in flight again");
    }
}
