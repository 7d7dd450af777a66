//! Sessions: what all tokens of one login have in common, and end with.

use super::{AccountName, Accounts, Audit, Event, LoginOrigin, Scopes, Sessions};
use crate::registry::StoreError;
use crate::time::Timestamp;

/// One login, and the tokens that descend from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `sid` of its tokens.
    pub id: String,
    /// `sub` of its tokens.
    pub subject: String,
    /// `jti` of the one refresh token that is still good.
    pub refresh_id: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When the last of its tokens has run out.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
}

/// A refresh token that is used for a new one.
pub struct Rotation<'a> {
    /// The session it belongs to.
    pub session: &'a str,
    /// Whose it says it is.
    pub subject: &'a str,
    /// `jti` of the one that is used.
    pub old: &'a str,
    /// `jti` of the one that comes in its place.
    pub new: &'a str,
    /// When that one runs out.
    pub expires_at: Timestamp,
}

/// Why a refresh token is not exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The session has ended or is unknown, or its account may not log in any more.
    Ended,
    /// It had been used. The session has been ended.
    Reused(Session),
    /// The sessions cannot be reached.
    NotRecorded,
}

impl From<StoreError> for Refused {
    fn from(StoreError: StoreError) -> Self {
        Self::NotRecorded
    }
}

/// Exchanges a refresh token, and returns what the session may do by now.
///
/// One that was used before ends the session, and with it every token that descends from the same login: of two who
/// present the same token one is a thief, and which one cannot be told (RFC 9700 section 4.14.2).
pub async fn refresh<S: Accounts + Sessions + Audit>(
    store: &S,
    rotation: &Rotation<'_>,
    origin: &LoginOrigin,
    now: Timestamp,
) -> Result<Scopes, Refused> {
    let name = AccountName::parse(rotation.subject).map_err(|_| Refused::Ended)?;
    let account = store.find(&name).await?.map(|found| found.account);
    let Some(account) = account.filter(|account| !account.disabled) else {
        store.note(Event::RefreshRefused, rotation.subject, origin, now).await?;
        return Err(Refused::Ended);
    };
    store.exchange(rotation.session, rotation.old, rotation.new, rotation.expires_at).await?;
    let session = store.find_session(rotation.session).await?.filter(|session| session.subject == rotation.subject);
    let Some(session) = session.filter(|session| session.revoked_at.is_none()) else {
        store.note(Event::RefreshRefused, rotation.subject, origin, now).await?;
        return Err(Refused::Ended);
    };
    if session.refresh_id.as_deref() != Some(rotation.new) {
        store.end(&session, now).await?;
        store.note(Event::RefreshReused, rotation.subject, origin, now).await?;
        return Err(Refused::Reused(session));
    }
    store.note(Event::Refresh, rotation.subject, origin, now).await?;
    Ok(account.scopes)
}

/// Ends a session, for the reason that `event` tells.
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
