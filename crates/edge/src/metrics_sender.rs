//! Sending metrics: the counts of an instance go to the shared cache a moment after they were
//! recorded.
//!
//! An instance flushes its counts at most four times a second, however many requests it serves, and
//! no request waits for it. A batch that may or may not have arrived is sent again under its old
//! number, and the cache adds each number once. So replacing an instance loses nothing, and nothing
//! is counted twice. Lost are the counts of the last 250 ms before a host is killed, and those of
//! an instance that ends while the cache has been down for all [`ATTEMPTS`].

use connectivity_runtime::metrics::{BUFFER, Buffer};
use connectivity_runtime::{now, random, sleep, spawn};
use connectivity_storage::cache::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How long counts are buffered before they are sent. Short beside a scrape, long beside a request.
const FLUSH_INTERVAL: Duration = Duration::from_millis(250);

/// The pause after a failed attempt.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How many times in a row sending may fail before the task ends. The host gives a task about a
/// minute after the last response. The next request starts another task.
const ATTEMPTS: u32 = 25;

/// Starts a task that sends the buffered counts, unless one is running or there are none.
pub fn send_soon(cache: &Arc<Cache>) {
    if BUFFER.begin() {
        let cache = Arc::clone(cache);
        spawn(async move { send(&BUFFER, &cache).await });
    }
}

async fn send(buffer: &Buffer, cache: &Cache) {
    let mut failures = 0;
    loop {
        sleep(if failures == 0 { FLUSH_INTERVAL } else { RETRY_INTERVAL }).await;
        let Some(batch) = buffer.seal(random) else { return };
        // The cache logs its failures itself.
        match cache.add_counts(&batch, now()).await {
            Ok(()) => {
                buffer.sent(&batch);
                failures = 0;
            }
            Err(_) => failures += 1,
        }
        if failures == ATTEMPTS {
            return buffer.end();
        }
    }
}
