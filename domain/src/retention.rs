//! How long records are kept.

use crate::time::Timestamp;
use std::time::Duration;

/// How long records of one kind are kept.
///
/// ```
/// use connectivity_domain::retention::Retention;
/// use connectivity_domain::time::Timestamp;
///
/// let now = Timestamp::from_micros(86_400_000_000 * 40);
/// assert_eq!(Retention::days(30).cutoff(now), Some(Timestamp::from_micros(86_400_000_000 * 10)));
/// assert_eq!(Retention::days(0).cutoff(now), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention(Option<Duration>);

impl Retention {
    /// The longest time, in days: a hundred years.
    pub const MAX_DAYS: u64 = 36_500;

    /// Keeps records for that many days; 0 is for ever.
    pub fn days(days: u64) -> Self {
        Self((days > 0).then(|| Duration::from_hours(24 * days.min(Self::MAX_DAYS))))
    }

    /// Returns the time before which records are too old at `now`; `None` if none is.
    pub fn cutoff(self, now: Timestamp) -> Option<Timestamp> {
        let kept = i64::try_from(self.0?.as_micros()).unwrap_or(i64::MAX);
        Some(Timestamp::from_micros(now.as_micros().saturating_sub(kept)))
    }
}

/// Returns a text that sorts after the ids of all records made before `cutoff`, and before all
/// others.
///
/// The ids of records are UUIDs of version 7, which begin with the milliseconds since the epoch (RFC
/// 9562 section 5.7). So old records are found by the primary key, without an index of their times.
///
/// ```
/// use connectivity_domain::retention::first_id;
/// use connectivity_domain::time::Timestamp;
///
/// // The example of RFC 9562 appendix A.6.
/// let id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
/// let at = |milliseconds: i64| first_id(Timestamp::from_micros(milliseconds * 1_000));
/// assert!(at(1_645_557_742_000).as_str() <= id && id < at(1_645_557_742_001).as_str());
/// ```
pub fn first_id(cutoff: Timestamp) -> String {
    let milliseconds = cutoff.as_micros().max(0) / 1_000;
    format!("{:08x}-{:04x}", milliseconds >> 16, milliseconds & 0xffff)
}
