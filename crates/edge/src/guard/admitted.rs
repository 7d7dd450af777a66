//! The result of admitting a request.

use super::rate_limit_headers::RateLimitHeaders;
use crate::token::Caller;

/// A caller whose request the guard has admitted.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The caller that the access token names.
    pub caller: Caller,
    /// The caller's rate-limit status.
    pub rate_limit: RateLimitHeaders,
}
