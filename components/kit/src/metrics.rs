//! What the components count, and how the instances' counts come together.
//!
//! An instance adds up what it counts and tells the shared cache a moment later, at most four times a second however many
//! requests it serves: no request waits for it, and no instance keeps numbers for itself. A batch that may or may not have
//! arrived is sent again under its old number, and the cache takes each number once. So nothing is lost with an instance
//! that is replaced, and nothing is counted twice. What is lost is what a killed host had not sent yet, a quarter of a
//! second of it, and what an instance holds that ends while the cache is away for longer than all [`TRIES`].

mod family;
mod meter;

pub use family::{ALL, BUCKETS, CHECKS, DOCUMENTS, Family, GUARD, REGISTRY, REQUESTS, Reading, Timing, UNCOUNTED};
pub use meter::Batch;

use crate::cache::Cache;
use crate::runtime;
use meter::Meter;
use std::sync::Arc;
use std::time::Duration;

/// How long an instance adds up before it tells. Short beside a scrape, long beside a request.
const PAUSE: Duration = Duration::from_millis(250);

/// How long it leaves a cache alone that did not take a batch.
const LATER: Duration = Duration::from_secs(1);

/// How often it tries to be rid of a batch: for less than the minute that a host gives to what goes on after an answer.
/// After that the next request begins again.
const TRIES: u32 = 25;

/// The instance's own counts: sums of closed sets of labels, never a request's data.
static METER: Meter = Meter::new();

/// One more.
pub fn count(family: &Family, labels: &[&str]) {
    METER.add(family.counter(labels), 1);
}

/// One more, which took so long.
pub fn time(family: &Family, labels: &[&str], took: Duration) {
    METER.add(family.bucket(labels, took), 1);
    METER.add(family.sum(labels), u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}

/// Has what was counted told to the cache soon, by a task that no request waits for.
///
/// There is one at a time; it goes on until there is nothing left to tell.
pub fn send_soon(cache: &Arc<Cache>) {
    if METER.begin() {
        let cache = Arc::clone(cache);
        runtime::detach(Box::pin(async move { send(&METER, &cache).await }));
    }
}

async fn send(meter: &Meter, cache: &Cache) {
    let mut failures = 0;
    loop {
        runtime::sleep(if failures == 0 { PAUSE } else { LATER }).await;
        let Some(batch) = meter.seal(runtime::random) else { return };
        // The cache has logged what went wrong.
        match cache.add_counts(&batch, runtime::now()).await {
            Ok(()) => {
                meter.sent(&batch);
                failures = 0;
            }
            Err(_) => failures += 1,
        }
        if failures == TRIES {
            return meter.end();
        }
    }
}
