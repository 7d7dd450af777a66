//! Limits on failed logins: the pause before the next attempt doubles with each failure.

use crate::time::Timestamp;
use std::future::Future;
use std::time::Duration;

/// How long failed attempts are remembered after the last one.
pub const MEMORY: Duration = Duration::from_hours(1);

/// A limit on the login attempts that are counted under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginThrottle {
    /// The number of attempts that may follow each other without a pause.
    pub free: u32,
    /// The longest pause. The first pause is one second; each further one is twice as long.
    pub longest: Duration,
}

impl LoginThrottle {
    /// Attempts on one account from one address. The strictest limit.
    pub const ACCOUNT_AT_ADDRESS: Self = Self { free: 10, longest: Duration::from_mins(15) };
    /// Attempts from one address on any account. Many callers may share an address, so more
    /// attempts are free.
    pub const ADDRESS: Self = Self { free: 50, longest: Duration::from_mins(15) };
    /// Attempts on one account from any address. The pauses stay short, so that an attacker cannot
    /// lock out the owner of the account.
    pub const ACCOUNT: Self = Self { free: 200, longest: Duration::from_secs(10) };
}

/// Counts failed logins across all instances.
pub trait FailedLogins: Send + Sync {
    /// Counts one attempt under each of the keys. If one of the keys is in a pause, returns how
    /// long the pause still lasts, and the login must not go on.
    fn attempt(
        &self,
        keys: &[(String, LoginThrottle)],
        now: Timestamp,
    ) -> impl Future<Output = Option<Duration>> + Send;

    /// Forgets the attempts under these keys.
    fn forget(&self, keys: &[(String, LoginThrottle)], now: Timestamp) -> impl Future<Output = ()> + Send;

    /// Takes back one attempt under each of the keys, because its secret was not compared.
    fn withdraw(&self, keys: &[(String, LoginThrottle)], now: Timestamp) -> impl Future<Output = ()> + Send;
}

/// What a login tries.
#[derive(Clone, Copy)]
pub struct Tried<'a> {
    /// The key of the account and the network.
    pub key: &'a str,
    /// The stored hash; `None` if there is no such account.
    pub hash: Option<&'a str>,
    /// The spellings of the secret.
    pub spellings: &'a [&'a str],
}

/// Recognises secrets that were found to be wrong, across all instances. It may forget them at any
/// time: they are then compared and counted again.
pub trait WrongSecrets: Send + Sync {
    /// Returns whether this was compared before, and was wrong.
    fn is_known_wrong(&self, tried: Tried<'_>, now: Timestamp) -> impl Future<Output = bool> + Send;

    /// Remembers that this is wrong, for longer than attempts are remembered.
    fn remember_wrong(&self, tried: Tried<'_>, now: Timestamp) -> impl Future<Output = ()> + Send;
}

/// The attempts under one key that have not succeeded, including those in progress.
///
/// ```
/// use connectivity_domain::access::{Attempts, LoginThrottle};
/// use connectivity_domain::time::Timestamp;
/// use std::time::Duration;
///
/// let throttle = LoginThrottle { free: 2, longest: Duration::from_secs(60) };
/// let now = Timestamp::from_micros(0);
/// let first = Attempts::default().one_more(throttle, now).expect("the first attempt is free");
/// let second = first.one_more(throttle, now).expect("the second attempt is free");
/// assert_eq!(second.one_more(throttle, now), Err(Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    count: u32,
    wait_until: Timestamp,
    last: Timestamp,
}

impl Attempts {
    /// Counts one more attempt. An attempt during a pause is not counted; the error is the time
    /// that remains of the pause.
    pub fn one_more(self, throttle: LoginThrottle, now: Timestamp) -> Result<Self, Duration> {
        if now < self.wait_until {
            return Err(self.wait_until.since(now));
        }
        let count = if now >= self.last.plus(MEMORY) { 1 } else { self.count.saturating_add(1) };
        let pause = match count.checked_sub(throttle.free.max(1)) {
            None => Duration::ZERO,
            Some(beyond) => Duration::from_secs(1 << beyond.min(20)).min(throttle.longest),
        };
        // `now` may be before `last`, because the clocks of instances differ and requests overtake
        // each other. `wait_until` changes only with a pause, so that such a request does not have
        // to wait.
        let wait_until = if pause.is_zero() { self.wait_until } else { now.plus(pause) };
        Ok(Self { count, wait_until, last: now.max(self.last) })
    }

    /// Returns the attempts without one that was counted, but whose secret was not compared. A pause
    /// that it began goes on.
    #[must_use]
    pub fn one_less(self) -> Self {
        Self { count: self.count.saturating_sub(1), ..self }
    }

    /// Returns for how long the attempts have to be stored.
    pub fn keep(self) -> Duration {
        MEMORY + self.wait_until.since(self.last)
    }

    /// Formats the attempts as text, for [`Attempts::parse`].
    pub fn to_text(self) -> String {
        format!("{} {} {}", self.count, self.wait_until.as_micros(), self.last.as_micros())
    }

    /// Parses the text that [`Attempts::to_text`] returned.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let count = parts.next()?.parse().ok()?;
        let mut time = || Some(Timestamp::from_micros(parts.next()?.parse().ok()?));
        Some(Self { count, wait_until: time()?, last: time()? })
    }
}
