//! What the guard asks the cache about one request, all of it in one round trip.

use std::time::Duration;

/// A question about one request: is its session revoked, and how many calls has its caller made?
#[derive(Clone, Debug)]
pub struct GuardQuery<'a> {
    /// The id of the session to look up. `None` if there is no session, or if it is known already
    /// that it is not revoked.
    pub session: Option<&'a str>,
    /// The rate-limit counter to take a call from. `None` if the request has no rate limit.
    pub hit: Option<RateLimitHit>,
}

/// Calls to take from a rate-limit counter: all of them, or none if they would exceed the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitHit {
    /// The counter's key, which names one caller in one window. It begins with
    /// [`THROTTLE`](super::THROTTLE).
    pub key: String,
    /// The time left in the window.
    pub window_left: Duration,
    /// How many calls to take, at least 1.
    pub calls: u64,
    /// How many calls the window allows.
    pub limit: u64,
}

/// The answer to a [`GuardQuery`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardAnswer {
    /// The session is revoked. No call was taken.
    Revoked,
    /// The session is not revoked. This many calls were taken in the window, these ones included; 0
    /// without a rate limit. If it is more than the limit, these ones were not taken.
    Taken(u64),
    /// The cache does not hold all revocations, so it cannot answer. No call was taken.
    Unknown {
        /// A new lock of the revocations: this request has to load them. `None` if another request
        /// does.
        load: Option<String>,
    },
}
