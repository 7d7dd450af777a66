//! The log: JSON lines on standard error.

use crate::amqp::RETURNED_MESSAGES;
use crate::settings::{Invalid, Source, log_filter};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

/// Starts the log. `RUST_LOG` chooses the records.
pub(crate) fn start(source: &dyn Source) -> Result<(), Invalid> {
    let filter = log_filter(source)?.and(filter_fn(is_free_of_bodies));
    registry().with(fmt::layer().json().with_writer(std::io::stderr).with_filter(filter)).init();
    Ok(())
}

/// Returns whether records of this place never contain the body of a message. Libraries write what
/// they send and receive at the level TRACE.
fn is_free_of_bodies(place: &Metadata<'_>) -> bool {
    let is_ours = place.target().starts_with("connectivity_bridge");
    is_ours || (*place.level() < Level::TRACE && place.target() != RETURNED_MESSAGES)
}
