//! The settings of `run`.

use super::amqp::AmqpSettings;
use super::components::{self, Credentials};
use super::reader::{Invalid, Reader, Source};
use super::table;
use super::traces::{self, TraceSettings};
use std::net::SocketAddr;
use std::time::Duration;

/// What `run` needs. Holds secrets: no `Debug`.
#[derive(Clone)]
pub(crate) struct RunSettings {
    pub(crate) amqp: AmqpSettings,
    /// Without a trailing slash.
    pub(crate) components_url: String,
    pub(crate) credentials: Credentials,
    pub(crate) concurrency: usize,
    pub(crate) prefetch: u16,
    /// The age at which a request without a verdict is given up.
    pub(crate) give_up_after: Duration,
    pub(crate) listen: SocketAddr,
    pub(crate) grace: Duration,
    /// How spans are exported; `None` if no collector is configured.
    pub(crate) traces: Option<TraceSettings>,
}

impl RunSettings {
    pub(crate) fn from_source(source: &dyn Source) -> Result<Self, Invalid> {
        let mut reader = Reader::new(source);
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    /// Reads only the address on which the bridge serves its health.
    pub(crate) fn listen(source: &dyn Source) -> Result<SocketAddr, Invalid> {
        let mut reader = Reader::new(source);
        let listen = reader.required(&table::BRIDGE_LISTEN);
        reader.finish(listen)
    }

    fn read(reader: &mut Reader) -> Option<Self> {
        let amqp = AmqpSettings::read(reader);
        let components_url = components::url(reader);
        let credentials = components::credentials(reader, &table::BRIDGE_CLIENT_ID, &table::BRIDGE_CLIENT_SECRET);
        let concurrency = reader.required(&table::BRIDGE_CONCURRENCY);
        let prefetch = reader.required(&table::BRIDGE_PREFETCH);
        let give_up_after = reader.required(&table::BRIDGE_GIVE_UP_AFTER);
        let listen = reader.required(&table::BRIDGE_LISTEN);
        let grace = reader.required(&table::BRIDGE_GRACE_SECONDS);
        let traces = traces::read(reader);
        Some(Self {
            amqp: amqp?,
            components_url: components_url?,
            credentials: credentials?,
            concurrency: concurrency?,
            prefetch: prefetch?,
            give_up_after: give_up_after?,
            listen: listen?,
            grace: grace?,
            traces,
        })
    }
}
