//! The accounts of the variable `service_accounts`: created or changed at the first login of an
//! instance.
//!
//! Several instances may do so at the same time: every write is conditional, and each row holds a
//! digest of the entry that it was written from. What an administrator changes later stays until
//! the entry changes.

use crate::secrets::Argon;
use connectivity_domain::access::{
    Account, AccountChange, AccountName, Accounts, Audit, Event, LoginOrigin, NewSecret, Scopes, Session, StoredAccount,
};
use connectivity_domain::registry::StoreError;
use connectivity_domain::time::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::Deserialize;

/// The shortest secret that is accepted, in bytes.
const MIN_SECRET: usize = 16;

/// One entry of the variable. Without `Debug`, because it holds a secret.
pub(crate) struct Seed {
    name: AccountName,
    secret: String,
    scopes: Scopes,
    /// A keyed digest of the entry. It shows whether the entry has changed, and reveals nothing
    /// about the secret to those who can only read the database.
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    secret: String,
    scopes: Vec<String>,
}

impl Seed {
    /// Parses the variable.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without any of its values.
    pub(crate) fn read(text: &str, key: &str) -> Result<Vec<Self>, String> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let shape = "must be JSON: [{\"name\": …, \"secret\": …, \"scopes\": [\"affiliation\", …]}, …]";
        let raw: Vec<Raw> = serde_json::from_str(text).map_err(|_| shape.to_owned())?;
        let seeds: Vec<Self> = (raw.into_iter().enumerate())
            .map(|(index, raw)| Self::from_raw(raw, key).map_err(|what| format!("entry {}: {what}", index + 1)))
            .collect::<Result<_, _>>()?;
        for (index, seed) in seeds.iter().enumerate() {
            if seeds[..index].iter().any(|other| other.name == seed.name) {
                return Err(format!("entry {}: an earlier entry has the same name", index + 1));
            }
        }
        Ok(seeds)
    }

    fn from_raw(raw: Raw, key: &str) -> Result<Self, String> {
        let name = AccountName::parse(&raw.name).map_err(|error| error.to_string())?;
        let scopes = Scopes::from_names(&raw.scopes).map_err(|error| error.to_string())?;
        if raw.secret.len() < MIN_SECRET {
            return Err(format!("its secret must have at least {MIN_SECRET} bytes"));
        }
        let content = format!("{name}\n{scopes}\n{}", raw.secret);
        let key = EncodingKey::from_secret(key.as_bytes());
        let digest = jsonwebtoken::crypto::sign(content.as_bytes(), &key, Algorithm::HS256);
        Ok(Self { name, secret: raw.secret, scopes, digest: digest.map_err(|error| error.to_string())? })
    }

    /// Creates the account, or changes it if the entry has changed since, and returns the sessions
    /// that ended with its old secret.
    pub(crate) async fn apply<S: Accounts + Audit>(
        &self,
        store: &S,
        argon: &Argon,
        origin: &LoginOrigin,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let found = store.find(&self.name).await?;
        if found.as_ref().is_some_and(|found| found.seed.as_deref() == Some(&self.digest)) {
            return Ok(Vec::new());
        }
        let secret_hash = argon.hash(&self.secret);
        let ended = if found.is_none() {
            let account = Account {
                name: self.name.clone(),
                scopes: self.scopes.clone(),
                disabled: false,
                created_at: now,
                rotated_at: now,
                last_used_at: None,
            };
            let stored = StoredAccount { account, secret_hash, seed: Some(self.digest.clone()) };
            // Another instance may have created it meanwhile, from the same variable.
            if !store.insert(&stored).await? {
                return Ok(Vec::new());
            }
            Vec::new()
        } else {
            let change = AccountChange {
                scopes: Some(self.scopes.clone()),
                disabled: None,
                secret: Some(NewSecret { hash: secret_hash, at: now }),
                seed: Some(self.digest.clone()),
                ends_sessions: true,
            };
            store.change(&self.name, &change, now).await?
        };
        store.note(Event::Seeded, self.name.as_str(), origin, now).await?;
        Ok(ended)
    }
}
