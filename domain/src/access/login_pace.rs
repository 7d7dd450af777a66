//! A limit on how many secrets are compared, for all callers together.

use crate::time::Timestamp;
use std::future::Future;
use std::time::Duration;

/// How long a login waits for its comparison. Those that would have to wait for longer are refused.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The pace of comparisons. Comparing a secret takes tens of milliseconds of a processor, so the
/// comparisons of all instances follow each other at this pace: checks get the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginPace {
    /// The time from the start of one comparison to the start of the next.
    pub interval: Duration,
}

/// The start of a comparison that was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// How long to wait until then.
    pub wait: Duration,
    /// When the next comparison may start.
    pub next: Timestamp,
}

impl LoginPace {
    /// Reserves a comparison. `free_at` is when the next one may start.
    ///
    /// # Errors
    ///
    /// So many are waiting that this one would have to wait for too long. The value says how long
    /// it takes until one may wait again.
    ///
    /// ```
    /// use connectivity_domain::access::LoginPace;
    /// use connectivity_domain::time::Timestamp;
    /// use std::time::Duration;
    ///
    /// let pace = LoginPace { interval: Duration::from_millis(50) };
    /// let now = Timestamp::from_micros(0);
    /// let first = pace.reserve(now, now).unwrap();
    /// assert_eq!(first.wait, Duration::ZERO);
    /// assert_eq!(pace.reserve(first.next, now).unwrap().wait, Duration::from_millis(50));
    /// ```
    pub fn reserve(self, free_at: Timestamp, now: Timestamp) -> Result<Slot, Duration> {
        let start = free_at.max(now);
        let wait = start.since(now);
        match wait.checked_sub(LONGEST_WAIT) {
            None | Some(Duration::ZERO) => Ok(Slot { wait, next: start.plus(self.interval) }),
            Some(beyond) => Err(beyond),
        }
    }
}

/// The queues of logins that wait for the comparison of their secret.
pub trait LoginQueue: Send + Sync {
    /// Lets the next login of this instance compare its secret when it is dropped.
    type Permit: Send;

    /// Waits until no other login of this instance is comparing its secret. The result of the other
    /// one may make this comparison superfluous.
    ///
    /// # Errors
    ///
    /// It took too long. The value says when to try again.
    fn enter(&self) -> impl Future<Output = Result<Self::Permit, Duration>> + Send;

    /// Waits until a secret may be compared, in the queue of all instances.
    ///
    /// # Errors
    ///
    /// The queue is full. The value says when to try again.
    fn wait(&self, now: Timestamp) -> impl Future<Output = Result<(), Duration>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_follow_each_other_and_the_queue_is_bounded() {
        let pace = LoginPace { interval: Duration::from_millis(50) };
        let now = Timestamp::from_micros(1_000_000);
        let (mut free_at, mut waits) = (Timestamp::default(), Vec::new());
        let full = loop {
            match pace.reserve(free_at, now) {
                Ok(slot) => {
                    waits.push(slot.wait);
                    free_at = slot.next;
                }
                Err(wait) => break wait,
            }
        };
        assert_eq!(waits, (0..=40).map(|number| pace.interval * number).collect::<Vec<_>>());
        assert_eq!(full, pace.interval);
        let later = now.plus(full);
        assert_eq!(pace.reserve(free_at, later), Ok(Slot { wait: LONGEST_WAIT, next: free_at.plus(pace.interval) }));
        let idle = free_at.plus(Duration::from_hours(1));
        assert_eq!(pace.reserve(free_at, idle), Ok(Slot { wait: Duration::ZERO, next: idle.plus(pace.interval) }));
    }
}
