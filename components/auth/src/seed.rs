//! The variable `service_accounts`: accounts that are created at the first login of an instance.
//!
//! Each version of an entry is applied once, by one of the instances. What an administrator changes
//! or deletes later stays so until the entry's version is raised.

use crate::secrets::Argon;
use connectivity_domain::access::{AccountName, Scopes, Seed};
use serde::Deserialize;

/// The shortest secret that is accepted, in bytes.
const MIN_SECRET: usize = 16;

/// The greatest version: numbers of JSON are exact up to it (RFC 8259 section 6).
const MAX_VERSION: u64 = (1 << 53) - 1;

/// One entry of the variable. Without `Debug`, because it holds a secret.
pub(crate) struct Entry {
    pub(crate) name: AccountName,
    pub(crate) version: u64,
    secret: String,
    scopes: Scopes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    secret: String,
    scopes: Vec<String>,
    #[serde(default = "first_version")]
    version: u64,
}

fn first_version() -> u64 {
    1
}

impl Entry {
    /// Parses the variable.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without any of its values.
    pub(crate) fn read_all(text: &str) -> Result<Vec<Self>, String> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let shape = "must be JSON: [{\"name\": …, \"secret\": …, \"scopes\": [\"affiliation\", …], \"version\": 1}, …]";
        let raw: Vec<Raw> = serde_json::from_str(text).map_err(|_| shape.to_owned())?;
        let entries: Vec<Self> = (raw.into_iter().enumerate())
            .map(|(index, raw)| Self::from_raw(raw).map_err(|what| format!("entry {}: {what}", index + 1)))
            .collect::<Result<_, _>>()?;
        for (index, entry) in entries.iter().enumerate() {
            if entries[..index].iter().any(|other| other.name == entry.name) {
                return Err(format!("entry {}: an earlier entry has the same name", index + 1));
            }
        }
        Ok(entries)
    }

    fn from_raw(raw: Raw) -> Result<Self, String> {
        let name = AccountName::parse(&raw.name).map_err(|error| error.to_string())?;
        let scopes = Scopes::from_names(&raw.scopes).map_err(|error| error.to_string())?;
        if raw.secret.len() < MIN_SECRET {
            return Err(format!("its secret must have at least {MIN_SECRET} bytes"));
        }
        if !(1..=MAX_VERSION).contains(&raw.version) {
            return Err(format!("its version must be a whole number from 1 to {MAX_VERSION}"));
        }
        Ok(Self { name, version: raw.version, secret: raw.secret, scopes })
    }

    /// Returns the seed, with the hash of its secret.
    pub(crate) fn hashed(&self, argon: &Argon) -> Seed {
        let (name, scopes) = (self.name.clone(), self.scopes.clone());
        Seed { name, version: self.version, scopes, secret_hash: argon.hash(&self.secret) }
    }
}
