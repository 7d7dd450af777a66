//! Sessions that were ended before their tokens expired.

use connectivity_domain::time::Timestamp;
use std::time::Duration;

/// A session that has been revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The id of the session: `sid` of its tokens, `jti` of a token without one, or a digest that
    /// identifies a token of another issuer.
    pub session: String,
    /// When the last of its tokens expires.
    pub until: Timestamp,
}

impl Revocation {
    /// How much longer than its session a revocation is kept, because clocks differ: longer than an
    /// expired token is accepted.
    pub const LEEWAY: Duration = Duration::from_secs(90);

    /// Returns how long the revocation still matters.
    ///
    /// ```
    /// use connectivity_domain::time::Timestamp;
    /// use connectivity_storage::cache::Revocation;
    /// use std::time::Duration;
    ///
    /// let revocation = Revocation { session: "s-1".into(), until: Timestamp::from_micros(60_000_000) };
    /// assert_eq!(revocation.lifetime(Timestamp::from_micros(0)), Duration::from_secs(150));
    /// assert_eq!(revocation.lifetime(Timestamp::from_micros(160_000_000)), Duration::ZERO);
    /// ```
    pub fn lifetime(&self, now: Timestamp) -> Duration {
        self.until.plus(Self::LEEWAY).since(now)
    }
}
