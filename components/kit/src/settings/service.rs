//! What every component that lets callers in has to know.

use super::{CacheSettings, DatabaseSettings, GuardSettings, Reader, TokenSettings, log_level};
use crate::log;

/// Where records and shared state are, and who may come in. Holds secrets: no `Debug`.
pub struct ServiceSettings {
    /// Where records are.
    pub database: DatabaseSettings,
    /// Where shared state is.
    pub cache: CacheSettings,
    /// Whose tokens are believed.
    pub tokens: TokenSettings,
    /// How often who may come.
    pub guard: GuardSettings,
}

impl ServiceSettings {
    /// Reads the variables that [`ServiceSettings::read`] reads, and the component's own.
    pub async fn reader(own: &[&'static str]) -> Reader {
        let all = [&["log_level"], &DatabaseSettings::NAMES[..], &CacheSettings::NAMES, &TokenSettings::NAMES];
        Reader::from_host(&[&all.concat()[..], &GuardSettings::NAMES, own].concat()).await
    }

    /// Reads all of them, and sets the level of the log.
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
