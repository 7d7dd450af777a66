//! The settings of the cache.

use crate::address::{encode, host_and_port};
use connectivity_runtime::settings::Reader;

/// Which cache the instances share. It holds a secret, and so has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum CacheSettings {
    /// Redis, because `redis_address` is set.
    Redis {
        /// `redis://:password@host:port/number`, made of the variables `redis_*`.
        address: String,
    },
    /// A table of the host's own SQLite database `default`, because `redis_address` is empty.
    Embedded,
}

impl CacheSettings {
    /// The variables that [`CacheSettings::read`] reads.
    pub const NAMES: [&str; 3] = ["redis_address", "redis_password", "redis_database"];

    /// Reads `redis_address`, `redis_password` and `redis_database`.
    pub fn read(reader: &mut Reader) -> Self {
        let address = reader.text("redis_address");
        if address.is_empty() {
            return Self::Embedded;
        }
        let server = host_and_port(reader, "redis_address", "redis", &address);
        let password = reader.secret("redis_password");
        let credentials = if password.is_empty() { String::new() } else { format!(":{}@", encode(&password)) };
        let number = reader.number("redis_database", 0..=65_535);
        Self::Redis { address: format!("redis://{credentials}{server}/{number}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_percent_encoded() {
        let mut reader = Reader::from_values(&[
            ("redis_address", "redis://cache:6379"),
            ("redis_password", "s#"),
            ("redis_database", "3"),
        ]);
        let settings = CacheSettings::read(&mut reader);
        assert!(settings == CacheSettings::Redis { address: "redis://:s%23@cache:6379/3".into() });
        assert_eq!(reader.finish(()), Ok(()));
    }

    #[test]
    fn default_is_the_embedded_cache() {
        assert!(CacheSettings::read(&mut Reader::default()) == CacheSettings::Embedded);
    }
}
