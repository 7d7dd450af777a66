//! The keys of the cache that are not a caller's, and how long their values are kept.

use std::time::Duration;

/// The prefix of a revoked session's id.
pub(super) const REVOKED: &str = "connectivity:revoked:";

/// The marker that says that this cache holds every revocation that matters.
pub(super) const COMPLETE: &str = "connectivity:revocations:complete";

/// The lock of the one request that loads the revocations.
pub(super) const LOADING: &str = "connectivity:revocations:loading";

/// The metric counters.
pub(super) const COUNTS: &str = "connectivity:counts";

/// The prefix of an instance's name. Its value is the number of the instance's last batch of
/// counts.
pub(super) const BATCH: &str = "connectivity:counts:batch:";

/// How long that number is kept: longer than a batch is sent again.
pub(super) const BATCH_LIFETIME: Duration = Duration::from_hours(1);

/// How long the marker is valid. It is also how long a revocation stays unknown that could not be
/// written to the cache.
pub(super) const COMPLETE_LIFETIME: Duration = Duration::from_mins(1);

/// How long one request may take to load the revocations before another one tries.
pub(super) const LOADING_LIFETIME: Duration = Duration::from_secs(10);
