//! Logins: a name and a secret are exchanged for a session.

use super::account::{AccountName, Accounts, Secrets, StoredAccount};
use super::audit::{Audit, Event, LoginOrigin};
use super::login_pace::LoginQueue;
use super::login_throttle::{FailedLogins, LoginThrottle, Tried, WrongSecrets};
use super::scope::Scopes;
use super::session::{Session, Sessions};
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::time::Duration;

/// The name and the secret of an account, unchecked.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The name of the account.
    pub name: &'a str,
    /// The spellings of the secret, one of which must be right: a client may have encoded it or not.
    pub spellings: &'a [&'a str],
}

/// A request to log in.
pub struct Login<'a> {
    /// The account and its secret.
    pub credentials: Credentials<'a>,
    /// The requested scopes; `None` requests all scopes of the account.
    pub scopes: Option<Scopes>,
    /// The id of the session to be started.
    pub session: &'a str,
    /// The id of the first refresh token; `None` starts a session without one.
    pub refresh_id: Option<&'a str>,
    /// How long the session lasts.
    pub lifetime: Duration,
}

/// A session that a login has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The session.
    pub session: Session,
    /// The scopes of its tokens.
    pub scopes: Scopes,
    /// The rate limit of the account; `None` for the default.
    pub rate_limit: Option<String>,
}

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The account does not exist, the secret is wrong, or the account is disabled. The
    /// response does not say which.
    Refused,
    /// There were too many attempts; the next one is allowed after this time.
    TooSoon(Duration),
    /// Too many logins wait for the comparison of their secret; the next one may wait after this
    /// time.
    Busy(Duration),
    /// The account does not have all requested scopes.
    Scope,
    /// The accounts could not be read, or the login could not be recorded.
    NotRecorded,
}

impl From<StoreError> for LoginError {
    fn from(StoreError: StoreError) -> Self {
        Self::NotRecorded
    }
}

/// Checks a name and a secret, and returns the account.
///
/// The steps are the same for accounts that exist and for those that do not, so that neither the
/// answer nor its duration reveals which names are taken. An attempt is counted before its secret
/// is compared, so that concurrent attempts cannot all pass as the first one.
///
/// A secret that was right a moment ago, from the same network and for the same hash, is neither
/// counted nor compared again. Neither is one that was wrong: a client that keeps an old secret, and
/// asks again and again, does not delay the clients of the same account and address that have the
/// right one. An attacker has to try different secrets.
pub async fn authenticate<S: Accounts + Audit>(
    store: &S,
    secrets: &impl Secrets,
    limits: &(impl FailedLogins + LoginQueue + WrongSecrets),
    credentials: Credentials<'_>,
    origin: &LoginOrigin,
    now: Timestamp,
) -> Result<StoredAccount, LoginError> {
    let (name, spellings) = (AccountName::parse(credentials.name), credentials.spellings);
    let subject = name.as_ref().map_or("", AccountName::as_str);
    let network = origin.network.as_deref().unwrap_or("unknown");
    let found = match &name {
        Ok(name) => store.find(name).await?,
        Err(_) => None,
    };
    let is_known = |found: &StoredAccount| {
        let is_remembered = |it: &&str| secrets.is_remembered(&found.secret_hash, it, network, now);
        !found.account.disabled && spellings.iter().any(is_remembered)
    };
    let found = match found {
        Some(found) if is_known(&found) => return Ok(found),
        found => found,
    };
    let _permit = limits.enter().await.map_err(LoginError::Busy)?;
    // The login that had the permit before may have been one with the same secret.
    let found = match found {
        Some(found) if is_known(&found) => return Ok(found),
        found => found,
    };
    let keys = keys(subject, network);
    let hash = found.as_ref().map(|found| found.secret_hash.as_str());
    // What a disabled account refuses is right again when it is enabled.
    let suffix = if found.as_ref().is_some_and(|found| found.account.disabled) { " disabled" } else { "" };
    let tried = Tried { key: &format!("{}{suffix}", keys[0].0), hash, spellings };
    if limits.is_known_wrong(tried, now).await {
        store.note(Event::LoginRefused, subject, origin, now).await?;
        return Err(LoginError::Refused);
    }
    if let Some(wait) = limits.attempt(&keys, now).await {
        store.note(Event::LoginThrottled, subject, origin, now).await?;
        return Err(LoginError::TooSoon(wait));
    }
    if let Err(wait) = limits.wait(now).await {
        limits.withdraw(&keys, now).await;
        return Err(LoginError::Busy(wait));
    }
    let right = spellings.iter().find(|it| secrets.verify(hash, it));
    let enabled = found.as_ref().filter(|found| !found.account.disabled);
    let (Some(found), Some(secret)) = (enabled, right) else {
        limits.remember_wrong(tried, now).await;
        store.note(Event::LoginRefused, subject, origin, now).await?;
        return Err(LoginError::Refused);
    };
    limits.forget(&keys, now).await;
    secrets.remember(&found.secret_hash, secret, network, now);
    Ok(found.clone())
}

/// Checks a name and a secret, and starts a session.
pub async fn log_in<S: Accounts + Sessions + Audit>(
    store: &S,
    secrets: &impl Secrets,
    limits: &(impl FailedLogins + LoginQueue + WrongSecrets),
    login: &Login<'_>,
    origin: &LoginOrigin,
    now: Timestamp,
) -> Result<LoggedIn, LoginError> {
    let found = authenticate(store, secrets, limits, login.credentials, origin, now).await?;
    let StoredAccount { account, secret_hash } = found;
    let subject = account.name.as_str();
    let granted = |held: &Scopes| {
        let asked = login.scopes.as_ref().unwrap_or(held);
        asked.within(held).then(|| asked.clone())
    };
    if granted(&account.scopes).is_none() {
        store.note(Event::LoginRefused, subject, origin, now).await?;
        return Err(LoginError::Scope);
    }
    let session = Session {
        id: login.session.to_owned(),
        subject: subject.to_owned(),
        refresh_id: login.refresh_id.map(str::to_owned),
        created_at: now,
        secret_at: Some(account.rotated_at),
        expires_at: now.plus(login.lifetime),
        revoked_at: None,
    };
    // The account may have changed while the secret was compared.
    let Some(held) = store.begin(&session, &secret_hash).await? else {
        store.note(Event::LoginRefused, subject, origin, now).await?;
        return Err(LoginError::Refused);
    };
    let scopes = granted(&held).ok_or(LoginError::Scope)?;
    store.note(Event::Login, subject, origin, now).await?;
    store.used(&account.name, now).await?;
    Ok(LoggedIn { session, scopes, rate_limit: account.rate_limit })
}

/// Returns the keys under which the attempts on this account from this network are counted.
fn keys(subject: &str, network: &str) -> [(String, LoginThrottle); 3] {
    [
        (format!("{subject}@{network}"), LoginThrottle::ACCOUNT_AT_ADDRESS),
        (format!("@{network}"), LoginThrottle::ADDRESS),
        (format!("{subject}@"), LoginThrottle::ACCOUNT),
    ]
}
