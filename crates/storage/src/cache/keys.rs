//! The keys of the cache that are not a caller's, and how long their values are kept.
//!
//! Keys that one script uses share the hash tag `{guard}`: a Redis Cluster keeps them in one slot.

use std::time::Duration;

/// The prefix of the rate-limit counters.
pub const THROTTLE: &str = "connectivity:{guard}:throttle:";

/// A key that is never written. It stands for a key that a script is not to use: access rules for keys
/// refuse the empty one.
pub(super) const NONE: &str = "connectivity:{guard}:none";

/// The prefix of a revoked session's id.
pub(super) const REVOKED: &str = "connectivity:{guard}:revoked:";

/// The marker that says that this cache holds every revocation that matters.
pub(super) const COMPLETE: &str = "connectivity:{guard}:revocations:complete";

/// The lock of the one request that loads the revocations.
pub(super) const LOADING: &str = "connectivity:{guard}:revocations:loading";

/// The metric counters.
pub(super) const COUNTS: &str = "connectivity:{guard}:counts";

/// The prefix of an instance's name. Its value is the number of the instance's last batch of
/// counts.
pub(super) const BATCH: &str = "connectivity:{guard}:counts:batch:";

/// How long that number is kept: longer than a batch is sent again.
pub(super) const BATCH_LIFETIME: Duration = Duration::from_hours(1);

/// The counter of [`Cache::probe`](super::Cache::probe), which is of no use to anybody else.
pub(super) const PROBE: &str = "connectivity:{guard}:probe";

/// How long that counter is kept.
pub(super) const PROBE_LIFETIME: Duration = Duration::from_secs(10);

/// How long the marker is valid. It is also how long a revocation stays unknown that could not be
/// written to the cache.
pub(super) const COMPLETE_LIFETIME: Duration = Duration::from_mins(1);

/// How long one request may take to load the revocations before another one tries.
pub(super) const LOADING_LIFETIME: Duration = Duration::from_secs(10);
