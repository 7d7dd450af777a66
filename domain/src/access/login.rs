//! A login: a name and a secret become a session.

use super::{AccountName, Accounts, Audit, Event, FailedLogins, LoginThrottle, Scopes, Secrets, Session, Sessions};
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::time::Duration;

/// Who stands at the door.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginOrigin {
    /// Where from, as far as that is known.
    pub address: Option<String>,
    /// In which request.
    pub request_id: String,
    /// As whom, where that is known already.
    pub actor: Option<String>,
}

/// What is presented.
pub struct Login<'a> {
    /// The account's name, as it came.
    pub name: &'a str,
    /// The secret, as it came.
    pub secret: &'a str,
    /// The scopes that are asked for; `None`: all that the account has.
    pub scopes: Option<Scopes>,
    /// The session that begins: its id, its refresh token's, and when it ends.
    pub session: &'a str,
    /// The id of its first refresh token; `None`: it gets none.
    pub refresh_id: Option<&'a str>,
    /// How long the session lives.
    pub lifetime: Duration,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// No such account, another secret, or disabled. Which of them is nobody's affair.
    Refused,
    /// Too many attempts: come back after this.
    TooSoon(Duration),
    /// The account does not have the scopes that were asked for.
    Scope,
    /// The accounts cannot be reached, or the login not be recorded.
    NotRecorded,
}

impl From<StoreError> for LoginError {
    fn from(StoreError: StoreError) -> Self {
        Self::NotRecorded
    }
}

/// Logs in, and returns the session with the scopes that it has.
///
/// The same is done, in the same order and time, for an account that exists and for one that does not. An attempt counts
/// before its secret is looked at, so that many at once cannot all be the first.
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
    let matches = secrets.is(found.as_ref().map(|found| found.secret_hash.as_str()), login.secret);
    let Some(account) = found.map(|found| found.account).filter(|account| matches && !account.disabled) else {
        store.note(Event::LoginRefused, subject, origin, now).await?;
        return Err(LoginError::Refused);
    };
    failed.forget(&keys, now).await;
    let scopes = login.scopes.clone().unwrap_or_else(|| account.scopes.clone());
    if !scopes.within(&account.scopes) {
        store.note(Event::LoginRefused, subject, origin, now).await?;
        return Err(LoginError::Scope);
    }
    let session = Session {
        id: login.session.to_owned(),
        subject: account.name.as_str().to_owned(),
        refresh_id: login.refresh_id.map(str::to_owned),
        created_at: now,
        expires_at: now.plus(login.lifetime),
        revoked_at: None,
    };
    store.begin(&session).await?;
    store.note(Event::Login, subject, origin, now).await?;
    store.used(&account.name, now).await?;
    Ok((session, scopes))
}

/// Under what the attempts of this origin on this account are counted.
fn keys(subject: &str, address: Option<&str>) -> Vec<(String, LoginThrottle)> {
    let address = address.unwrap_or("unknown");
    vec![
        (format!("{subject}@{address}"), LoginThrottle::ACCOUNT_AT_ADDRESS),
        (format!("@{address}"), LoginThrottle::ADDRESS),
        (format!("{subject}@"), LoginThrottle::ACCOUNT),
    ]
}
