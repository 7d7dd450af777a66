//! Problems (RFC 9457) of the components.

use connectivity_domain::job::settlement::Reply;
use serde::Deserialize;
use std::time::Duration;

/// A problem.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    /// False if the registry was not asked. See [`Reply::Problem`].
    asked: Option<bool>,
}

impl Problem {
    /// Returns the reply with this HTTP status, and the seconds of `Retry-After`.
    pub(super) fn reply(self, status: u16, retry_after: Option<u64>) -> Reply {
        Reply::Problem {
            status,
            slug: self.kind.rsplit(':').next().unwrap_or_default().to_owned(),
            detail: self.detail,
            retry_after: retry_after.map(Duration::from_secs),
            asked: self.asked.unwrap_or(true),
        }
    }
}
