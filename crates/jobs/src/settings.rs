//! The settings of a job's component.

use connectivity_domain::retention::Retention;
use connectivity_edge::retention::read_retention;
use connectivity_edge::service_settings::ServiceSettings;
use connectivity_runtime::settings::{Invalid, Reader};
use std::time::Duration;

/// The settings of a job's component. Without `Debug`, because they hold secrets.
pub struct JobSettings {
    /// The settings of every component that serves callers.
    pub service: ServiceSettings,
    /// The routing keys of results.
    pub keys: ResultKeys,
    /// `requeue_after_seconds`: how long after the end of its claim a request is handed to the queue
    /// again.
    pub requeue_after: Duration,
    /// How long the job's records are kept.
    pub records: Retention,
    /// How long the part of them is kept that
    /// [`JobTable::SENSITIVE`](connectivity_storage::job_store::JobTable) removes.
    pub sensitive: Retention,
}

/// The routing keys of a job's results.
#[derive(Clone, Debug)]
pub struct ResultKeys {
    /// `event_ready_key`: the routing key of successes.
    pub ready: String,
    /// `event_failure_key`: the routing key of all other results.
    pub failure: String,
}

const KEYS: [&str; 2] = ["event_ready_key", "event_failure_key"];
const REQUEUE_AFTER: &str = "requeue_after_seconds";

impl JobSettings {
    /// Reads the settings from the component's variables. `retention` names those that say for how
    /// many days records and their sensitive part are kept.
    ///
    /// # Errors
    ///
    /// Some of them are invalid.
    pub async fn from_host(retention: [&'static str; 2]) -> Result<Self, Invalid> {
        Self::read(ServiceSettings::reader(&names(retention)).await, retention)
    }

    fn read(mut reader: Reader, retention: [&'static str; 2]) -> Result<Self, Invalid> {
        let [ready, failure] = KEYS.map(|name| routing_key(&mut reader, name));
        let requeue_after = Duration::from_secs(reader.number(REQUEUE_AFTER, 1..=86_400));
        let [records, sensitive] = retention.map(|name| read_retention(&mut reader, name));
        let service = ServiceSettings::read(&mut reader);
        let settings = Self { service, keys: ResultKeys { ready, failure }, requeue_after, records, sensitive };
        reader.finish(settings)
    }
}

/// Returns the names of the variables that only a job has.
fn names([records, sensitive]: [&'static str; 2]) -> [&'static str; 5] {
    let [ready, failure] = KEYS;
    [ready, failure, REQUEUE_AFTER, records, sensitive]
}

/// Reads a routing key: a short string of AMQP 0-9-1, 1 to 255 bytes.
fn routing_key(reader: &mut Reader, name: &str) -> String {
    let key = reader.text(name);
    if key.is_empty() || key.len() > 255 {
        reader.problem(name, "must have 1 to 255 bytes");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_runtime::settings::ODD;

    #[test]
    fn no_value_of_a_setting_causes_a_panic() {
        let retention = ["retention_records_days", "retention_urls_days"];
        let names = ServiceSettings::names(&names(retention));
        for (name, value) in names.iter().flat_map(|name| ODD.map(|value| (*name, value))) {
            let problems = JobSettings::read(Reader::from_values(&[(name, value)]), retention).err();
            assert!(!problems.map(|problems| problems.to_string()).unwrap_or_default().contains("hunter2"), "{name}");
        }
    }
}
