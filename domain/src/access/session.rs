//! Sessions: all tokens that descend from one login belong to its session, and end with it.

use super::account::{AccountName, Accounts};
use super::audit::{Audit, Event, LoginOrigin};
use super::scope::Scopes;
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::future::Future;

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
    /// When the last of its tokens expires.
    pub expires_at: Timestamp,
    /// When the session was ended.
    pub revoked_at: Option<Timestamp>,
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
    /// When the new refresh token expires.
    pub expires_at: Timestamp,
}

/// Why a refresh token was not exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshError {
    /// The session has ended or is unknown, or its account is disabled or deleted.
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
    /// Adds a session.
    fn begin(&self, session: &Session) -> impl Future<Output = Result<(), StoreError>> + Send;

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

    /// Ends all sessions of a subject and returns those that had not ended before.
    fn end_all(&self, subject: &str, at: Timestamp) -> impl Future<Output = Result<Vec<Session>, StoreError>> + Send;
}

/// Exchanges a refresh token for a new one and returns the present scopes of the account.
///
/// A refresh token that is used twice ends its session, and with it every token that descends from
/// the same login: one of the two users has stolen it, and the server cannot know which (RFC 9700
/// section 4.14.2).
pub async fn refresh<S: Accounts + Sessions + Audit>(
    store: &S,
    rotation: &Rotation<'_>,
    origin: &LoginOrigin,
    now: Timestamp,
) -> Result<Scopes, RefreshError> {
    let name = AccountName::parse(rotation.subject).map_err(|_| RefreshError::Ended)?;
    let account = store.find(&name).await?.map(|found| found.account);
    let Some(account) = account.filter(|account| !account.disabled) else {
        store.note(Event::RefreshRefused, rotation.subject, origin, now).await?;
        return Err(RefreshError::Ended);
    };
    store.exchange(rotation.session, rotation.old, rotation.new, rotation.expires_at).await?;
    let session = store.find_session(rotation.session).await?.filter(|session| session.subject == rotation.subject);
    let Some(session) = session.filter(|session| session.revoked_at.is_none()) else {
        store.note(Event::RefreshRefused, rotation.subject, origin, now).await?;
        return Err(RefreshError::Ended);
    };
    if session.refresh_id.as_deref() != Some(rotation.new) {
        store.end(&session, now).await?;
        store.note(Event::RefreshReused, rotation.subject, origin, now).await?;
        return Err(RefreshError::Reused(session));
    }
    store.note(Event::Refresh, rotation.subject, origin, now).await?;
    Ok(account.scopes)
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
