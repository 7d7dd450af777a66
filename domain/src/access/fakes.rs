//! In-memory implementations of the ports, for tests.

use super::account::{Account, AccountChange, AccountName, Accounts, RateLimitChange, Secrets, StoredAccount};
use super::audit::{Audit, Event, LoginOrigin};
use super::login_pace::LoginQueue;
use super::login_throttle::{Attempts, FailedLogins, LoginThrottle, Tried, WrongSecrets};
use super::scope::Scopes;
use super::seed::{Seed, Seeds};
use super::session::{Session, Sessions};
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accounts, sessions and the audit log. Clones share them.
#[derive(Clone, Default)]
pub struct FakeAccess {
    accounts: Arc<Mutex<BTreeMap<AccountName, StoredAccount>>>,
    sessions: Arc<Mutex<BTreeMap<String, Session>>>,
    seeds: Arc<Mutex<BTreeMap<AccountName, u64>>>,
    events: Arc<Mutex<Vec<(Event, String)>>>,
    down: bool,
}

impl FakeAccess {
    /// Returns a store whose every call fails.
    pub fn down() -> Self {
        Self { down: true, ..Self::default() }
    }

    /// Returns the entries of the audit log, oldest first.
    pub fn events(&self) -> Vec<(Event, String)> {
        lock(&self.events).clone()
    }

    /// Returns the number of sessions.
    pub fn sessions(&self) -> usize {
        lock(&self.sessions).len()
    }

    fn end_all(&self, name: &AccountName, at: Timestamp) -> Vec<Session> {
        let mut sessions = lock(&self.sessions);
        let own = sessions.values_mut().filter(|session| session.subject == name.as_str());
        let living = own.filter(|session| session.revoked_at.is_none());
        living.map(|session| (session.revoked_at = Some(at), session.clone()).1).collect()
    }

    fn up(&self) -> Result<&Self, StoreError> {
        if self.down { Err(StoreError) } else { Ok(self) }
    }
}

impl Accounts for FakeAccess {
    async fn find(&self, name: &AccountName) -> Result<Option<StoredAccount>, StoreError> {
        Ok(lock(&self.up()?.accounts).get(name).cloned())
    }

    async fn list(&self) -> Result<Vec<Account>, StoreError> {
        Ok(lock(&self.up()?.accounts).values().map(|stored| stored.account.clone()).collect())
    }

    async fn insert(&self, account: &StoredAccount) -> Result<bool, StoreError> {
        let mut accounts = lock(&self.up()?.accounts);
        let is_new = !accounts.contains_key(&account.account.name);
        accounts.entry(account.account.name.clone()).or_insert_with(|| account.clone());
        Ok(is_new)
    }

    async fn change(
        &self,
        name: &AccountName,
        change: &AccountChange,
        at: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let mut accounts = lock(&self.up()?.accounts);
        let Some(stored) = accounts.get_mut(name) else { return Ok(Vec::new()) };
        if let Some(scopes) = &change.scopes {
            stored.account.scopes = scopes.clone();
        }
        if let Some(disabled) = change.disabled {
            stored.account.disabled = disabled;
        }
        match &change.rate_limit {
            RateLimitChange::Keep => {}
            RateLimitChange::Default => stored.account.rate_limit = None,
            RateLimitChange::Own(limit) => stored.account.rate_limit = Some(limit.clone()),
        }
        if let Some(secret) = &change.secret {
            (stored.secret_hash, stored.account.rotated_at) = (secret.hash.clone(), secret.at);
        }
        Ok(if change.ends_sessions { self.end_all(name, at) } else { Vec::new() })
    }

    async fn delete(&self, name: &AccountName, at: Timestamp) -> Result<Vec<Session>, StoreError> {
        let mut accounts = lock(&self.up()?.accounts);
        accounts.remove(name);
        Ok(self.end_all(name, at))
    }

    async fn used(&self, name: &AccountName, at: Timestamp) -> Result<(), StoreError> {
        if let Some(stored) = lock(&self.up()?.accounts).get_mut(name) {
            stored.account.last_used_at = Some(at);
        }
        Ok(())
    }
}

impl Seeds for FakeAccess {
    async fn applied_seeds(&self) -> Result<BTreeMap<AccountName, u64>, StoreError> {
        Ok(lock(&self.up()?.seeds).clone())
    }

    async fn apply_seed(&self, seed: &Seed, _: &str, at: Timestamp) -> Result<Option<Vec<Session>>, StoreError> {
        let mut seeds = lock(&self.up()?.seeds);
        if seeds.get(&seed.name).is_some_and(|applied| *applied >= seed.version) {
            return Ok(None);
        }
        seeds.insert(seed.name.clone(), seed.version);
        let account = Account {
            name: seed.name.clone(),
            scopes: seed.scopes.clone(),
            disabled: false,
            created_at: at,
            rotated_at: at,
            last_used_at: None,
            rate_limit: None,
        };
        let mut accounts = lock(&self.accounts);
        let stored =
            accounts.entry(seed.name.clone()).or_insert_with(|| StoredAccount { account, secret_hash: String::new() });
        (stored.account.scopes, stored.account.rotated_at) = (seed.scopes.clone(), at);
        stored.secret_hash.clone_from(&seed.secret_hash);
        Ok(Some(self.end_all(&seed.name, at)))
    }
}

impl Sessions for FakeAccess {
    async fn begin(&self, session: &Session, secret_hash: &str) -> Result<Option<Scopes>, StoreError> {
        let accounts = lock(&self.up()?.accounts);
        let mut stored = accounts.values().filter(|stored| stored.account.name.as_str() == session.subject);
        let Some(stored) = stored.find(|stored| stored.secret_hash == secret_hash && !stored.account.disabled) else {
            return Ok(None);
        };
        lock(&self.sessions).insert(session.id.clone(), session.clone());
        Ok(Some(stored.account.scopes.clone()))
    }

    async fn find_session(&self, id: &str) -> Result<Option<Session>, StoreError> {
        Ok(lock(&self.up()?.sessions).get(id).cloned())
    }

    async fn exchange(&self, id: &str, old: &str, new: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        if let Some(session) = lock(&self.up()?.sessions).get_mut(id)
            && session.refresh_id.as_deref() == Some(old)
            && session.revoked_at.is_none()
        {
            (session.refresh_id, session.expires_at) = (Some(new.to_owned()), expires_at);
        }
        Ok(())
    }

    async fn end(&self, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        let mut sessions = lock(&self.up()?.sessions);
        let known = sessions.entry(session.id.clone()).or_insert_with(|| session.clone());
        known.revoked_at = known.revoked_at.or(Some(at));
        Ok(())
    }
}

impl Audit for FakeAccess {
    async fn note(&self, event: Event, subject: &str, _: &LoginOrigin, _: Timestamp) -> Result<(), StoreError> {
        lock(&self.up()?.events).push((event, subject.to_owned()));
        Ok(())
    }
}

/// Secrets that are stored in plain text. Counts the comparisons.
#[derive(Clone, Default)]
pub struct PlainSecrets {
    /// The number of comparisons.
    pub compared: Arc<Mutex<u32>>,
    /// What is remembered; nothing is if this is `None`.
    pub remembered: Option<Arc<Mutex<Vec<[String; 3]>>>>,
}

impl Secrets for PlainSecrets {
    fn verify(&self, hash: Option<&str>, secret: &str) -> bool {
        *lock(&self.compared) += 1;
        hash == Some(secret)
    }

    fn remember(&self, hash: &str, secret: &str, network: &str, _: Timestamp) {
        if let Some(remembered) = &self.remembered {
            lock(remembered).push([hash, secret, network].map(str::to_owned));
        }
    }

    fn is_remembered(&self, hash: &str, secret: &str, network: &str, _: Timestamp) -> bool {
        self.remembered.iter().any(|all| lock(all).iter().any(|known| *known == [hash, secret, network]))
    }
}

/// Failed logins, counted in memory, and a queue that is empty or full.
#[derive(Clone, Default)]
pub struct FakeFailedLogins {
    attempts: Arc<Mutex<BTreeMap<String, Attempts>>>,
    wrong: Arc<Mutex<Vec<String>>>,
    /// How long a login has to wait until it may wait in the queue; `None` while it is not full.
    pub full: Option<Duration>,
}

impl FakeFailedLogins {
    /// Returns limits whose queue is full for this time.
    pub fn full(wait: Duration) -> Self {
        Self { full: Some(wait), ..Self::default() }
    }
}

impl FailedLogins for FakeFailedLogins {
    async fn attempt(&self, keys: &[(String, LoginThrottle)], now: Timestamp) -> Option<Duration> {
        let mut held = lock(&self.attempts);
        for (key, throttle) in keys {
            match held.get(key).copied().unwrap_or_default().one_more(*throttle, now) {
                Ok(attempts) => held.insert(key.clone(), attempts),
                Err(wait) => return Some(wait),
            };
        }
        None
    }

    async fn forget(&self, keys: &[(String, LoginThrottle)], _: Timestamp) {
        lock(&self.attempts).retain(|key, _| keys.iter().all(|(forgotten, _)| key != forgotten));
    }

    async fn withdraw(&self, keys: &[(String, LoginThrottle)], _: Timestamp) {
        let mut held = lock(&self.attempts);
        for (key, _) in keys {
            held.entry(key.clone()).and_modify(|attempts| *attempts = attempts.one_less());
        }
    }
}

fn described(tried: Tried<'_>) -> String {
    format!("{} {:?} {:?}", tried.key, tried.hash, tried.spellings)
}

impl WrongSecrets for FakeFailedLogins {
    async fn is_known_wrong(&self, tried: Tried<'_>, _: Timestamp) -> bool {
        lock(&self.wrong).contains(&described(tried))
    }

    async fn remember_wrong(&self, tried: Tried<'_>, _: Timestamp) {
        lock(&self.wrong).push(described(tried));
    }
}

impl LoginQueue for FakeFailedLogins {
    type Permit = ();

    async fn enter(&self) -> Result<(), Duration> {
        Ok(())
    }

    async fn wait(&self, _: Timestamp) -> Result<(), Duration> {
        self.full.map_or(Ok(()), Err)
    }
}
