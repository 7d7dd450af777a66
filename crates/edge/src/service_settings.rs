//! The settings that every component that serves callers has.

use crate::guard::GuardSettings;
use crate::token::TokenSettings;
use connectivity_runtime::log;
use connectivity_runtime::settings::{Reader, log_level};
use connectivity_storage::cache::CacheSettings;
use connectivity_storage::database::DatabaseSettings;

/// The settings that every component that serves callers has. They hold secrets, and so have no
/// `Debug`.
pub struct ServiceSettings {
    /// The database that holds the records.
    pub database: DatabaseSettings,
    /// The cache that all instances share.
    pub cache: CacheSettings,
    /// The keys and names that access tokens are verified against.
    pub tokens: TokenSettings,
    /// Rate limits, trusted proxies and CORS.
    pub guard: GuardSettings,
}

impl ServiceSettings {
    /// Returns the names of the variables that [`ServiceSettings::read`] reads, and of the
    /// component's own.
    pub fn names(own: &[&'static str]) -> Vec<&'static str> {
        let all = [&["log_level"], &DatabaseSettings::NAMES[..], &CacheSettings::NAMES, &TokenSettings::NAMES];
        [&all.concat()[..], &GuardSettings::NAMES, own].concat()
    }

    /// Creates a reader of these variables.
    pub async fn reader(own: &[&'static str]) -> Reader {
        Reader::from_host(&Self::names(own)).await
    }

    /// Reads the settings, and sets the level of the log.
    pub fn read(reader: &mut Reader) -> Self {
        log::set_threshold(log_level(reader));
        Self {
            database: DatabaseSettings::read(reader),
            cache: CacheSettings::read(reader),
            tokens: TokenSettings::read(reader),
            guard: GuardSettings::read(reader),
        }
    }
}
