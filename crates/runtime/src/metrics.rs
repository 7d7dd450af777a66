//! Metric recording: each instance adds up counts and durations in memory.
//!
//! The counts are sent elsewhere: a task takes them from the [`BUFFER`] in numbered [`Batch`]es and
//! adds them to the shared cache, where the counts of all instances come together.

mod buffer;
mod family;

pub use buffer::{Batch, Buffer};
pub use family::{ALL, BUCKETS, CHECKS, DOCUMENTS, Family, GUARD, REGISTRY, REQUESTS, Reading, Timing, UNCOUNTED};

use std::time::Duration;

/// The instance's counts that have not been sent yet: sums by closed sets of labels, never a
/// request's data.
pub static BUFFER: Buffer = Buffer::new();

/// Adds one to a counter. There must be one label for each of the family's label names.
pub fn count(family: &Family, labels: &[&str]) {
    BUFFER.add(family.counter(labels), 1);
}

/// Adds one to a counter with a duration. There must be one label for each of the family's label
/// names.
pub fn time(family: &Family, labels: &[&str], took: Duration) {
    BUFFER.add(family.bucket(labels, took), 1);
    BUFFER.add(family.sum(labels), u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}
