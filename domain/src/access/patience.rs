//! How long to wait after logins that failed: longer with each of them.

use crate::time::Timestamp;
use std::time::Duration;

/// Attempts are forgotten this long after the last one.
const MEMORY: Duration = Duration::from_hours(1);

/// How much somebody who fails to log in is borne with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// So many attempts follow each other without a pause.
    pub free: u32,
    /// The longest pause. The first is one second, each further one twice as long.
    pub longest: Duration,
}

/// With whom how much.
///
/// Most is expected of one account at one address. Many accounts may be behind one address. And whoever tries one account
/// from everywhere must not lock its owner out, so those pauses stay short.
pub struct PATIENCE;

impl PATIENCE {
    /// With one account at one address.
    pub const ACCOUNT_AT_ADDRESS: Patience = Patience { free: 10, longest: Duration::from_mins(15) };
    /// With one address, whatever the account.
    pub const ADDRESS: Patience = Patience { free: 50, longest: Duration::from_mins(15) };
    /// With one account, wherever from.
    pub const ACCOUNT: Patience = Patience { free: 200, longest: Duration::from_secs(10) };
}

/// The attempts so far that did not succeed, those under way among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    count: u32,
    wait_until: Timestamp,
    last: Timestamp,
}

impl Attempts {
    /// One more, unless it comes too soon: then, how long to wait.
    pub fn one_more(self, patience: Patience, now: Timestamp) -> Result<Self, Duration> {
        if now < self.wait_until {
            return Err(self.wait_until.since(now));
        }
        let count = if now >= self.last.plus(MEMORY) { 1 } else { self.count.saturating_add(1) };
        let pause = match count.checked_sub(patience.free.max(1)) {
            None => Duration::ZERO,
            Some(beyond) => Duration::from_secs(1 << beyond.min(20)).min(patience.longest),
        };
        // Clocks differ, and requests overtake each other: only a pause makes anybody wait.
        let wait_until = if pause.is_zero() { self.wait_until } else { now.plus(pause) };
        Ok(Self { count, wait_until, last: now.max(self.last) })
    }

    /// For how long it is worth keeping.
    pub fn keep(self) -> Duration {
        MEMORY + self.wait_until.since(self.last)
    }

    /// As text, for [`Attempts::parse`].
    pub fn to_text(self) -> String {
        format!("{} {} {}", self.count, self.wait_until.as_micros(), self.last.as_micros())
    }

    /// Reads what [`Attempts::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let count = parts.next()?.parse().ok()?;
        let mut time = || Some(Timestamp::from_micros(parts.next()?.parse().ok()?));
        Some(Self { count, wait_until: time()?, last: time()? })
    }
}
