//! The time. Each reading of a clock is a call of the host, so the code of a request that runs without
//! waiting takes one time for all of it, and the time of day is derived from the monotonic clock.

use connectivity_domain::time::Timestamp;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the time is derived from the monotonic clock before the host is asked for it again.
const DERIVED: Duration = Duration::from_secs(1);

thread_local! {
    static READING: Cell<Reading> = const { Cell::new(Reading::Outside) };

    /// When both clocks were read last.
    static BOTH: Cell<Option<(Instant, Timestamp)>> = const { Cell::new(None) };
}

/// What the running code has read of the monotonic clock.
#[derive(Clone, Copy)]
enum Reading {
    /// It belongs to no request, and reads the clock each time.
    Outside,
    /// It has not read the clock yet.
    Unread,
    Read(Instant),
}

/// Runs code of a request that does not wait. It reads the clock at most once.
pub(crate) fn with_one_time<T>(work: impl FnOnce() -> T) -> T {
    if !matches!(READING.get(), Reading::Outside) {
        return work();
    }
    READING.set(Reading::Unread);
    let _reset = ResetOnDrop;
    work()
}

struct ResetOnDrop;

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        READING.set(Reading::Outside);
    }
}

/// Runs `work`, whose code reads the clock at most once each time it is resumed. A request does so
/// anyway ([`crate::request_scope::enter`]).
pub async fn with_few_readings<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| with_one_time(|| work.as_mut().poll(context))).await
}

/// Returns the current time of the monotonic clock, with which durations are measured. Within a
/// request it is the time at which its code was last resumed, or a little later: what computes for
/// long without waiting is measured with [`Instant::now`].
pub fn instant() -> Instant {
    match READING.get() {
        Reading::Outside => Instant::now(),
        Reading::Read(instant) => instant,
        Reading::Unread => {
            let instant = Instant::now();
            READING.set(Reading::Read(instant));
            instant
        }
    }
}

/// Returns the current time in UTC. For up to a second it is derived from [`instant`].
pub fn now() -> Timestamp {
    let instant = instant();
    if let Some((read_at, time)) = BOTH.get() {
        let since = instant.saturating_duration_since(read_at);
        if since < DERIVED {
            return time.plus(since);
        }
    }
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX));
    BOTH.set(Some((instant, time)));
    time
}

#[cfg(test)]
mod tests {
    use super::{instant, now, with_one_time};
    use std::thread::sleep;
    use std::time::Duration;

    const SHORT: Duration = Duration::from_millis(2);

    #[test]
    fn code_that_does_not_wait_has_one_time() {
        let read = || {
            let first = (now(), instant());
            sleep(SHORT);
            (first, (now(), instant()))
        };
        let (first, second) = with_one_time(read);
        assert_eq!(first, second);
        let (third, _) = with_one_time(read);
        assert!(third.0 > second.0 && third.1 > second.1, "{third:?} {second:?}");
    }

    #[test]
    fn time_passes_outside_of_requests() {
        with_one_time(instant);
        let first = (now(), instant());
        sleep(SHORT);
        assert!(now() > first.0 && instant() > first.1);
    }
}
