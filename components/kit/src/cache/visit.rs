//! What the guard asks of the cache about one request, all of it in one question.

use std::time::Duration;

/// Before the id of a session that has been revoked.
pub(super) const REVOKED: &str = "connectivity:revoked:";

/// The marker: every revocation that matters is in this cache.
pub(super) const COMPLETE: &str = "connectivity:revocations:complete";

/// Held by the one request that brings the revocations.
pub(super) const LOADING: &str = "connectivity:revocations:loading";

/// The counters of `crate::metrics`.
pub(super) const COUNTS: &str = "connectivity:counts";

/// Before the name of an instance: the number of its last batch of counts.
pub(super) const BATCH: &str = "connectivity:counts:batch:";

/// How long that number is kept: longer than a batch is tried again.
pub(super) const BATCH_FOR: Duration = Duration::from_hours(1);

/// How long the marker holds: how long a revocation that the cache did not hear of may stay unknown.
pub(super) const COMPLETE_FOR: Duration = Duration::from_mins(1);

/// How long one request may take to bring the revocations before another one tries.
pub(super) const LOADING_FOR: Duration = Duration::from_secs(10);

/// One request, as the cache sees it.
#[derive(Clone, Debug)]
pub struct Visit<'a> {
    /// Whose it is.
    pub session: Session<'a>,
    /// From which throttle it takes a call; none: from no throttle.
    pub take: Option<Take>,
    /// The counter of `metrics::GUARD` that it is counted in, without its outcome: `admitted`, `throttled` or `revoked`.
    pub counter: &'a str,
}

/// Whether the session has been revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session<'a> {
    /// That is to be found out.
    Named(&'a str),
    /// That is known, or there is no session.
    Judged {
        /// It has been revoked.
        revoked: bool,
    },
}

/// A throttle's counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// Its key: of one caller in one window.
    pub key: String,
    /// How many calls pass.
    pub limit: u64,
    /// How long the window still lasts.
    pub keep: Duration,
}

/// What the cache answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The session has been revoked. Counted as that; nothing was taken from the throttle.
    Revoked,
    /// Counted. So many calls were taken in this window, this one included; 0 where there is no throttle.
    Taken(u64),
    /// Whether the session has been revoked is not known here. Nothing was counted or taken.
    Unknown {
        /// It is for this request to bring the revocations, under this name.
        load: Option<String>,
    },
}
