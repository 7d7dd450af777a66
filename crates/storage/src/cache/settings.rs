//! The settings of the cache.

use crate::address::{encode, parse};
use connectivity_runtime::settings::Reader;

/// Which cache the instances share. It holds a secret, and so has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum CacheSettings {
    /// Redis, because `redis_address` is set.
    Redis {
        /// `redis://user:password@host:port/number`, made of the variables `redis_*`. With TLS it begins
        /// with `rediss://`.
        address: String,
    },
    /// A table of the host's own SQLite database `default`, because `redis_address` is empty.
    Embedded,
}

impl CacheSettings {
    /// The variables that [`CacheSettings::read`] reads.
    pub const NAMES: [&str; 4] = ["redis_address", "redis_user", "redis_password", "redis_database"];

    /// Reads `redis_address`, `redis_user`, `redis_password` and `redis_database`.
    pub fn read(reader: &mut Reader) -> Self {
        let address = reader.text("redis_address");
        if address.is_empty() {
            return Self::Embedded;
        }
        let (scheme, server) = parse(reader, "redis_address", &["redis", "rediss"], &address);
        let (user, password) = (reader.text("redis_user"), reader.secret("redis_password"));
        let credentials = match (user.is_empty(), password.is_empty()) {
            (true, true) => String::new(),
            (false, true) => {
                reader.problem("redis_password", "must be set when redis_user is");
                String::new()
            }
            _ => format!("{}:{}@", encode(&user), encode(&password)),
        };
        let number = reader.number("redis_database", 0..=65_535);
        Self::Redis { address: format!("{scheme}://{credentials}{server}/{number}") }
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
    fn tls_and_a_user_are_part_of_the_address() {
        let mut reader = Reader::from_values(&[
            ("redis_address", "rediss://cache:6380"),
            ("redis_user", "connect:ivity"),
            ("redis_password", "s@"),
            ("redis_database", "0"),
        ]);
        let settings = CacheSettings::read(&mut reader);
        assert!(settings == CacheSettings::Redis { address: "rediss://connect%3Aivity:s%40@cache:6380/0".into() });
        assert_eq!(reader.finish(()), Ok(()));
    }

    #[test]
    fn problems_name_what_is_wrong_without_its_value() {
        let problem = |values: &[(&str, &str)]| {
            let mut reader = Reader::from_values(&[&[("redis_database", "0")], values].concat());
            CacheSettings::read(&mut reader);
            reader.finish(()).expect_err("a problem").to_string()
        };
        let form =
            "redis_address must look like redis://host:port or rediss://host:port, without user, password or path";
        for address in ["redis://me:hunter2@cache:6379", "cache:6379", "mysql://cache:6379", "rediss://cache", "redis:"]
        {
            assert_eq!(problem(&[("redis_address", address)]), form);
        }
        let without_password = [("redis_address", "redis://cache:6379"), ("redis_user", "me")];
        assert_eq!(problem(&without_password), "redis_password must be set when redis_user is");
    }

    #[test]
    fn default_is_the_embedded_cache() {
        assert!(CacheSettings::read(&mut Reader::default()) == CacheSettings::Embedded);
    }
}
