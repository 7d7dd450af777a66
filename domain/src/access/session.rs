//! Sessions: all tokens that descend from one login belong to its session, and end with it.

use super::account::{Account, AccountName, Accounts};
use super::audit::{Audit, Event, LoginOrigin};
use super::scope::Scopes;
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::future::Future;
use std::time::Duration;

/// One login and the tokens that descend from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The claim `sid` of its tokens.
    pub id: String,
    /// The claim `sub` of its tokens.
    pub subject: String,
    /// The claim `jti` of the only refresh token that can still be used.
    pub refresh_id: Option<String>,
    /// When the session started.
    pub created_at: Timestamp,
    /// When the account got the secret that the session started with. `None` for a session that was
    /// started by a release that did not store it.
    pub secret_at: Option<Timestamp>,
    /// When the last of its tokens expires.
    pub expires_at: Timestamp,
    /// When the session was ended.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// Returns whether the session started with the present secret of its account.
    fn has_secret_of(&self, account: &Account) -> bool {
        self.secret_at.map_or(self.created_at >= account.rotated_at, |at| at == account.rotated_at)
    }
}

/// A request to exchange a refresh token for a new one.
pub struct Rotation<'a> {
    /// The id of the session.
    pub session: &'a str,
    /// The subject that the refresh token names.
    pub subject: &'a str,
    /// The claim `jti` of the used refresh token.
    pub old: &'a str,
    /// The claim `jti` of the new refresh token.
    pub new: &'a str,
    /// How long the new refresh token is valid, if the session lasts that long.
    pub lifetime: Duration,
    /// How long a session lasts, however often its refresh tokens are exchanged.
    pub session_lifetime: Duration,
}

/// What the tokens for an exchanged refresh token contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// The present scopes of the account.
    pub scopes: Scopes,
    /// The present rate limit of the account; `None` for the default.
    pub rate_limit: Option<String>,
    /// When the session ends. No token is valid for longer.
    pub ends_at: Timestamp,
    /// When the new refresh token expires.
    pub expires_at: Timestamp,
}

/// Why a refresh token was not exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshError {
    /// The session has ended or is unknown, its account is disabled or deleted, or the account has
    /// another secret than the one that the session started with.
    Ended,
    /// The refresh token had been used before. Its session, given here, has been ended.
    Reused(Session),
    /// The sessions could not be read or written.
    NotRecorded,
}

impl From<StoreError> for RefreshError {
    fn from(StoreError: StoreError) -> Self {
        Self::NotRecorded
    }
}

/// Stores the sessions.
pub trait Sessions: Send + Sync {
    /// Adds a session, if its account is enabled and the hash of its secret is `secret_hash`. This
    /// is one atomic statement, so that a login cannot outlive a change of the account that was
    /// made while its secret was compared.
    ///
    /// Returns the scopes that the account has after the session was added, or `None` if it was
    /// not.
    fn begin(
        &self,
        session: &Session,
        secret_hash: &str,
    ) -> impl Future<Output = Result<Option<Scopes>, StoreError>> + Send;

    /// Returns the session with this id.
    fn find_session(&self, id: &str) -> impl Future<Output = Result<Option<Session>, StoreError>> + Send;

    /// Replaces the refresh token of a session, if `old` is its present one and the session has not
    /// ended. This is one atomic statement: of two callers with the same token, one succeeds.
    fn exchange(
        &self,
        id: &str,
        old: &str,
        new: &str,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends a session. A session that is not stored yet is stored as ended. Durable when this
    /// returns.
    fn end(&self, session: &Session, at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Exchanges a refresh token for a new one.
///
/// A refresh token that is used twice ends its session, and with it every token that descends from
/// the same login: one of the two users has stolen it, and the server cannot know which (RFC 9700
/// section 4.14.2).
pub async fn refresh<S: Accounts + Sessions + Audit>(
    store: &S,
    rotation: &Rotation<'_>,
    origin: &LoginOrigin,
    now: Timestamp,
) -> Result<Refreshed, RefreshError> {
    let name = AccountName::parse(rotation.subject).map_err(|_| RefreshError::Ended)?;
    let found = (store.find(&name).await?, store.find_session(rotation.session).await?);
    let (Some(account), Some(session)) = (found.0.map(|found| found.account), found.1) else {
        return refuse(store, rotation, origin, now).await;
    };
    let ends_at = session.created_at.plus(rotation.session_lifetime);
    if account.disabled || session.subject != rotation.subject || !session.has_secret_of(&account) || now >= ends_at {
        return refuse(store, rotation, origin, now).await;
    }
    let expires_at = now.plus(rotation.lifetime).min(ends_at);
    store.exchange(rotation.session, rotation.old, rotation.new, expires_at).await?;
    let session = store.find_session(rotation.session).await?;
    let Some(session) = session.filter(|session| session.revoked_at.is_none()) else {
        return refuse(store, rotation, origin, now).await;
    };
    if session.refresh_id.as_deref() != Some(rotation.new) {
        store.end(&session, now).await?;
        store.note(Event::RefreshReused, rotation.subject, origin, now).await?;
        return Err(RefreshError::Reused(session));
    }
    store.note(Event::Refresh, rotation.subject, origin, now).await?;
    Ok(Refreshed { scopes: account.scopes, rate_limit: account.rate_limit, ends_at, expires_at })
}

async fn refuse<S: Audit>(
    store: &S,
    rotation: &Rotation<'_>,
    origin: &LoginOrigin,
    now: Timestamp,
) -> Result<Refreshed, RefreshError> {
    store.note(Event::RefreshRefused, rotation.subject, origin, now).await?;
    Err(RefreshError::Ended)
}

/// Ends a session and records `event` as the reason.
pub async fn end<S: Sessions + Audit>(
    store: &S,
    session: &Session,
    event: Event,
    origin: &LoginOrigin,
    now: Timestamp,
) -> Result<(), StoreError> {
    store.end(session, now).await?;
    store.note(event, &session.subject, origin, now).await
}
