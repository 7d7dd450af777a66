//! The bodies of the outbox's routes.

use crate::event::Event;
use crate::settings::ResultKeys;
use connectivity_domain::job::{Question, Record, Waiting};
use connectivity_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A request of the bridge for events to publish.
///
/// With `"waiting": true` the response tells how long records have been waiting, besides the events:
/// `{"events": […], "oldest_pending_seconds": 12.5, "oldest_unpublished_seconds": null}`. The first
/// is the age of the oldest record without a verdict, the second the time since the oldest result
/// was recorded that is not marked as published; each is null if there is no such record. The query
/// is not cheap: ask for it a few times per minute, not at each lease.
#[derive(Deserialize)]
pub(crate) struct LeaseRequest {
    pub(crate) limit: u64,
    #[serde(default)]
    pub(crate) waiting: bool,
}

/// The ids of records whose events have been published.
#[derive(Deserialize)]
pub(crate) struct Published {
    pub(crate) results: Vec<String>,
    pub(crate) requests: Vec<String>,
}

/// The response to a [`LeaseRequest`].
#[derive(Serialize)]
pub(crate) struct Leased<'a> {
    events: Vec<Event<'a>>,
    #[serde(flatten)]
    ages: Option<Ages>,
}

impl<'a> Leased<'a> {
    pub(crate) fn new<Q: Question>(records: &'a [Record<Q>], ages: Option<Ages>, keys: &'a ResultKeys) -> Self {
        Self { events: records.iter().map(|record| Event::new(record, keys)).collect(), ages }
    }
}

/// How long records have been waiting.
#[derive(Serialize)]
pub(crate) struct Ages {
    oldest_pending_seconds: Option<f64>,
    oldest_unpublished_seconds: Option<f64>,
}

impl Ages {
    pub(crate) fn new(waiting: &Waiting, now: Timestamp) -> Self {
        let age = |since: Timestamp| now.since(since).as_secs_f64();
        Self {
            oldest_pending_seconds: waiting.pending_since.map(age),
            oldest_unpublished_seconds: waiting.unpublished_since.map(age),
        }
    }
}
