//! The settings, from the environment. All problems are reported together, by name and never by value.

mod traces;

pub(crate) use traces::TraceSettings;

use std::net::SocketAddr;
use std::time::Duration;

/// Reads one variable. The environment, or a table in tests.
pub(crate) trait Source {
    /// The value of a variable, if it is set and not empty.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
pub(crate) struct Environment;

impl Source for Environment {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

/// Everything that is wrong with the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("settings: {}", .0.join("; "))]
pub(crate) struct Invalid(pub(crate) Vec<String>);

/// Where RabbitMQ is, and what things are called there. Holds a secret: no `Debug`.
#[derive(Clone)]
pub(crate) struct AmqpSettings {
    /// `RABBITMQ_URL`, or put together of `RABBITMQ_HOST`, `_PORT`, `_USER`, `_PASSWORD` and `_VHOST`.
    pub(crate) url: String,
    /// `RABBITMQ_EXCHANGE`
    pub(crate) exchange: String,
    /// `RABBITMQ_DOCUMENT_AUTH_QUEUE`
    pub(crate) queue: String,
    /// `RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY`
    pub(crate) routing_key: String,
    /// `RABBITMQ_QUEUE_TYPE`: quorum or classic.
    pub(crate) queue_type: String,
    /// `BRIDGE_RETRY_DELAYS`: how long a message waits before its next try, growing.
    pub(crate) delays: Vec<Duration>,
}

/// How the bridge proves who it is. Holds secrets: no `Debug`.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// `BRIDGE_CLIENT_ID` and `BRIDGE_CLIENT_SECRET`, or of an administrator `ADMIN_CLIENT_ID` and
    /// `ADMIN_CLIENT_SECRET`: a token by client credentials (RFC 6749 section 4.4).
    Client {
        /// The account.
        id: String,
        /// Its secret.
        secret: String,
    },
    /// `JWT_SECRET`: signs its tokens itself.
    Secret {
        /// The key, at least 32 bytes.
        secret: String,
        /// `JWT_ISSUER`
        issuer: String,
        /// `JWT_AUDIENCE`
        audience: String,
    },
}

/// What `run` needs. Holds secrets: no `Debug`.
#[derive(Clone)]
pub(crate) struct RunSettings {
    /// RabbitMQ.
    pub(crate) amqp: AmqpSettings,
    /// `COMPONENTS_URL`, without a trailing slash.
    pub(crate) components_url: String,
    /// How the components know the bridge.
    pub(crate) credentials: Credentials,
    /// `BRIDGE_CONCURRENCY`: messages in work at once.
    pub(crate) concurrency: usize,
    /// `BRIDGE_PREFETCH`: messages taken from the queue at once.
    pub(crate) prefetch: u16,
    /// `BRIDGE_MAX_ATTEMPTS`: how often the registry is asked about a message.
    pub(crate) max_attempts: u32,
    /// `BRIDGE_LISTEN`: health and metrics.
    pub(crate) listen: SocketAddr,
    /// `BRIDGE_GRACE_SECONDS`: how long what is in work may take to finish after SIGTERM.
    pub(crate) grace: Duration,
    /// How spans are exported, where a collector is named.
    pub(crate) traces: Option<TraceSettings>,
}

/// What the commands about service accounts need. Holds secrets: no `Debug`.
pub(crate) struct AdminSettings {
    /// `COMPONENTS_URL`, without a trailing slash.
    pub(crate) components_url: String,
    /// How the components know the administrator.
    pub(crate) credentials: Credentials,
}

struct Reader<'a> {
    source: &'a dyn Source,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn or(&self, name: &str, default: &str) -> String {
        self.source.get(name).unwrap_or_else(|| default.to_owned())
    }

    fn wrong(&mut self, name: &str, what: &str) {
        self.problems.push(format!("{name} {what}"));
    }

    fn required(&mut self, name: &str) -> String {
        self.source.get(name).unwrap_or_else(|| {
            self.wrong(name, "must be set");
            String::new()
        })
    }

    fn number(&mut self, name: &str, default: u32, bounds: std::ops::RangeInclusive<u32>) -> u32 {
        match self.source.get(name).map_or(Ok(default), |text| text.trim().parse()) {
            Ok(number) if bounds.contains(&number) => number,
            _ => {
                self.wrong(name, &format!("must be a whole number from {} to {}", bounds.start(), bounds.end()));
                default
            }
        }
    }

    fn finish<T>(self, settings: T) -> Result<T, Invalid> {
        if self.problems.is_empty() { Ok(settings) } else { Err(Invalid(self.problems)) }
    }
}

impl AmqpSettings {
    /// Reads the variables `RABBITMQ_*`.
    pub(crate) fn of(source: &dyn Source) -> Result<Self, Invalid> {
        let mut reader = Reader { source, problems: Vec::new() };
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    fn read(reader: &mut Reader) -> Self {
        let url = reader.source.get("RABBITMQ_URL").unwrap_or_else(|| Self::url_of_parts(reader));
        if !url.starts_with("amqp://") && !url.starts_with("amqps://") {
            reader.wrong("RABBITMQ_URL", "must begin with amqp:// or amqps://");
        }
        let queue_type = reader.or("RABBITMQ_QUEUE_TYPE", "quorum");
        if !["quorum", "classic"].contains(&queue_type.as_str()) {
            reader.wrong("RABBITMQ_QUEUE_TYPE", "must be quorum or classic");
        }
        let delays: Option<Vec<_>> =
            reader.or("BRIDGE_RETRY_DELAYS", "1s,5s,30s,2m,10m").split(',').map(duration).collect();
        let delays = delays.filter(|delays| delays.is_sorted()).unwrap_or_else(|| {
            reader.wrong("BRIDGE_RETRY_DELAYS", "must be growing durations such as 1s,5s,30s,2m,10m");
            Vec::new()
        });
        let requested = "document.authentication.requested";
        Self {
            url,
            exchange: reader.or("RABBITMQ_EXCHANGE", "citizen_affiliation"),
            queue: reader.or("RABBITMQ_DOCUMENT_AUTH_QUEUE", requested),
            routing_key: reader.or("RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY", requested),
            queue_type,
            delays,
        }
    }

    fn url_of_parts(reader: &mut Reader) -> String {
        let (user, password) = (reader.required("RABBITMQ_USER"), reader.required("RABBITMQ_PASSWORD"));
        let (host, vhost) = (reader.or("RABBITMQ_HOST", "127.0.0.1"), reader.or("RABBITMQ_VHOST", "/"));
        let port = reader.number("RABBITMQ_PORT", 5672, 1..=65_535);
        format!("amqp://{}:{}@{host}:{port}/{}", percent(&user), percent(&password), percent(&vhost))
    }
}

impl RunSettings {
    /// Reads all variables.
    pub(crate) fn of(source: &dyn Source) -> Result<Self, Invalid> {
        let mut reader = Reader { source, problems: Vec::new() };
        let components_url = components_url(&mut reader);
        let listen = reader.or("BRIDGE_LISTEN", "127.0.0.1:9100").parse().unwrap_or_else(|_| {
            reader.wrong("BRIDGE_LISTEN", "must look like 127.0.0.1:9100");
            SocketAddr::from(([127, 0, 0, 1], 9100))
        });
        let settings = Self {
            amqp: AmqpSettings::read(&mut reader),
            components_url,
            credentials: credentials(&mut reader, "BRIDGE_CLIENT_ID", "BRIDGE_CLIENT_SECRET"),
            concurrency: usize::try_from(reader.number("BRIDGE_CONCURRENCY", 64, 1..=10_000)).unwrap_or(64),
            prefetch: u16::try_from(reader.number("BRIDGE_PREFETCH", 128, 1..=65_535)).unwrap_or(128),
            max_attempts: reader.number("BRIDGE_MAX_ATTEMPTS", 5, 1..=1_000),
            listen,
            grace: Duration::from_secs(u64::from(reader.number("BRIDGE_GRACE_SECONDS", 20, 0..=3_600))),
            traces: traces::read(&mut reader),
        };
        reader.finish(settings)
    }
}

impl AdminSettings {
    /// Reads all variables.
    pub(crate) fn of(source: &dyn Source) -> Result<Self, Invalid> {
        let mut reader = Reader { source, problems: Vec::new() };
        let components_url = components_url(&mut reader);
        let credentials = credentials(&mut reader, "ADMIN_CLIENT_ID", "ADMIN_CLIENT_SECRET");
        reader.finish(Self { components_url, credentials })
    }
}

fn components_url(reader: &mut Reader) -> String {
    let url = reader.required("COMPONENTS_URL");
    if !url.is_empty() && !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        reader.wrong("COMPONENTS_URL", "must begin with http:// or https://");
    }
    url.trim_end_matches('/').to_owned()
}

fn credentials(reader: &mut Reader, id_name: &str, secret_name: &str) -> Credentials {
    if let Some(id) = reader.source.get(id_name) {
        return Credentials::Client { id, secret: reader.required(secret_name) };
    }
    let secret = reader.or("JWT_SECRET", "");
    if secret.len() < 32 {
        reader.wrong(id_name, &format!("and {secret_name} must be set, or JWT_SECRET of at least 32 bytes"));
    }
    let (issuer, audience) = (reader.or("JWT_ISSUER", "connectivity"), reader.or("JWT_AUDIENCE", "connectivity"));
    Credentials::Secret { secret, issuer, audience }
}

fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    let total = number.parse::<u64>().ok()?.checked_mul(milliseconds)?;
    (total > 0).then(|| Duration::from_millis(total))
}

/// Percent-encodes what is not unreserved (RFC 3986 section 2.3).
fn percent(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    impl Source for HashMap<&str, &str> {
        fn get(&self, name: &str) -> Option<String> {
            HashMap::get(self, name).map(|value| (*value).to_owned())
        }
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let source = HashMap::from([
            ("RABBITMQ_USER", "me"),
            ("RABBITMQ_PASSWORD", "p@ss/"),
            ("COMPONENTS_URL", "http://components/"),
            ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ]);
        let settings = RunSettings::of(&source).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(settings.amqp.url, "amqp://me:p%40ss%2F@127.0.0.1:5672/%2F");
        assert_eq!(
            (settings.amqp.exchange.as_str(), settings.amqp.queue_type.as_str()),
            ("citizen_affiliation", "quorum")
        );
        assert_eq!(settings.amqp.delays, [1, 5, 30, 120, 600].map(Duration::from_secs));
        assert_eq!((settings.concurrency, settings.prefetch, settings.max_attempts), (64, 128, 5));
        assert_eq!(settings.components_url, "http://components");
    }

    #[test]
    fn all_problems_are_told_together_and_none_by_value() {
        let source = HashMap::from([
            ("RABBITMQ_URL", "http://me:hunter2@host"),
            ("RABBITMQ_QUEUE_TYPE", "stream"),
            ("BRIDGE_RETRY_DELAYS", "5s,1s"),
            ("BRIDGE_CONCURRENCY", "0"),
            ("BRIDGE_LISTEN", "nowhere"),
            ("JWT_SECRET", "short-secret"),
        ]);
        let problems = RunSettings::of(&source).err().expect("problems").to_string();
        for name in [
            "RABBITMQ_URL",
            "RABBITMQ_QUEUE_TYPE",
            "BRIDGE_RETRY_DELAYS",
            "BRIDGE_CONCURRENCY",
            "BRIDGE_LISTEN",
            "COMPONENTS_URL",
            "JWT_SECRET",
        ] {
            assert!(problems.contains(name), "{name} in {problems}");
        }
        assert!(!problems.contains("hunter2") && !problems.contains("short-secret"), "{problems}");
    }
}
