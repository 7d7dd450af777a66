//! The setting of the log.

use super::reader::{Invalid, Reader, Source};
use super::table;
use tracing_subscriber::EnvFilter;

/// Reads which records are logged.
pub(crate) fn log_filter(source: &dyn Source) -> Result<EnvFilter, Invalid> {
    let mut reader = Reader::new(source);
    let filter = reader.required(&table::RUST_LOG);
    reader.finish(filter)
}
