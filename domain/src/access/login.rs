//! Logins: a name and a secret are exchanged for a session.

use super::account::{AccountName, Accounts, Secrets, StoredAccount};
use super::audit::{Audit, Event, LoginOrigin};
use super::login_throttle::{FailedLogins, LoginThrottle};
use super::scope::Scopes;
use super::session::{Session, Sessions};
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::time::Duration;

/// A request to log in.
pub struct Login<'a> {
    /// The name of the account, unchecked.
    pub name: &'a str,
    /// The secret, unchecked.
    pub secret: &'a str,
    /// The requested scopes; `None` requests all scopes of the account.
    pub scopes: Option<Scopes>,
    /// The id of the session to be started.
    pub session: &'a str,
    /// The id of the first refresh token; `None` starts a session without one.
    pub refresh_id: Option<&'a str>,
    /// How long the session lasts.
    pub lifetime: Duration,
}

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The account does not exist, the secret is wrong, or the account is disabled. The
    /// response does not say which.
    Refused,
    /// There were too many attempts; the next one is allowed after this time.
    TooSoon(Duration),
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

/// Checks a name and a secret, starts a session and returns it with its scopes.
///
/// The steps are the same for accounts that exist and for those that do not, so that neither the
/// answer nor its duration reveals which names are taken. An attempt is counted before its secret
/// is compared, so that concurrent attempts cannot all pass as the first one.
pub async fn log_in<S: Accounts + Sessions + Audit>(
    store: &S,
    secrets: &impl Secrets,
    failed: &impl FailedLogins,
    login: &Login<'_>,
    origin: &LoginOrigin,
    now: Timestamp,
) -> Result<(Session, Scopes), LoginError> {
    let name = AccountName::parse(login.name);
    let subject = name.as_ref().map_or("", AccountName::as_str);
    let keys = keys(subject, origin.address.as_deref());
    if let Some(wait) = failed.attempt(&keys, now).await {
        store.note(Event::LoginThrottled, subject, origin, now).await?;
        return Err(LoginError::TooSoon(wait));
    }
    let found = match &name {
        Ok(name) => store.find(name).await?,
        Err(_) => None,
    };
    let matches = secrets.verify(found.as_ref().map(|found| found.secret_hash.as_str()), login.secret);
    let Some(StoredAccount { account, secret_hash, .. }) = found.filter(|found| matches && !found.account.disabled)
    else {
        store.note(Event::LoginRefused, subject, origin, now).await?;
        return Err(LoginError::Refused);
    };
    failed.forget(&keys, now).await;
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
        subject: account.name.as_str().to_owned(),
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
    Ok((session, scopes))
}

/// Returns the keys under which the attempts on this account from this address are counted.
fn keys(subject: &str, address: Option<&str>) -> Vec<(String, LoginThrottle)> {
    let address = address.unwrap_or("unknown");
    vec![
        (format!("{subject}@{address}"), LoginThrottle::ACCOUNT_AT_ADDRESS),
        (format!("@{address}"), LoginThrottle::ADDRESS),
        (format!("{subject}@"), LoginThrottle::ACCOUNT),
    ]
}
