//! The component's settings.

use connectivity_edge::service_settings::ServiceSettings;
use connectivity_runtime::settings::{Invalid, Reader};
use std::sync::Arc;

/// The settings. Without `Debug`, because they hold secrets.
pub(crate) struct Settings {
    pub(crate) service: ServiceSettings,
    pub(crate) routes: Arc<RouteSettings>,
}

/// The settings of the routes.
#[derive(Clone, Debug)]
pub(crate) struct RouteSettings {
    /// `event_ready_key`: the routing key of successes.
    pub(crate) ready_key: String,
    /// `event_failure_key`: the routing key of all other results.
    pub(crate) failure_key: String,
}

const NAMES: [&str; 2] = ["event_ready_key", "event_failure_key"];

impl Settings {
    pub(crate) async fn from_host() -> Result<Self, Invalid> {
        Self::read(ServiceSettings::reader(&NAMES).await)
    }

    fn read(mut reader: Reader) -> Result<Self, Invalid> {
        let routes = RouteSettings {
            ready_key: routing_key(&mut reader, "event_ready_key"),
            failure_key: routing_key(&mut reader, "event_failure_key"),
        };
        let settings = Self { service: ServiceSettings::read(&mut reader), routes: Arc::new(routes) };
        reader.finish(settings)
    }
}

/// Reads a routing key: a short string of AMQP 0-9-1, 1 to 255 bytes.
fn routing_key(reader: &mut Reader, name: &str) -> String {
    let key = reader.text(name);
    if key.is_empty() || key.len() > 255 {
        reader.problem(name, "must have 1 to 255 bytes");
    }
    key
}
