//! Tests of sessions: what ends them, and what they do not outlive.

use super::*;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[tokio::test]
async fn reuse_of_a_refresh_token_ends_the_session() {
    let service = Service::new(false).await;
    service.log_in("operator", "right", None, NOW).await.expect("a session");
    assert_eq!(service.refresh("r0", "r1").await, Ok(scopes("affiliation documents")));
    assert_eq!(service.refresh("r1", "r2").await, Ok(scopes("affiliation documents")));
    assert!(matches!(service.refresh("r0", "r3").await, Err(RefreshError::Reused(_))));
    assert_eq!(service.refresh("r2", "r4").await, Err(RefreshError::Ended), "the unused token ends with its session");
    let expected = [Event::Login, Event::Refresh, Event::Refresh, Event::RefreshReused, Event::RefreshRefused];
    assert_eq!(service.events(), expected);
}

#[tokio::test]
async fn refresh_uses_the_present_scopes_of_the_account() {
    let service = Service::new(false).await;
    service.log_in("operator", "right", None, NOW).await.expect("a session");
    service.change(AccountChange { scopes: Some(scopes("documents")), ..AccountChange::default() }).await;
    assert_eq!(service.refresh("r0", "r1").await, Ok(scopes("documents")));
    service.change(AccountChange { disabled: Some(true), ..AccountChange::default() }).await;
    assert_eq!(service.refresh("r1", "r2").await, Err(RefreshError::Ended));
}

#[tokio::test]
async fn logout_ends_the_session_and_is_audited() {
    let service = Service::new(false).await;
    service.log_in("operator", "right", None, NOW).await.expect("a session");
    let session = service.store.find_session("s").await.expect("a store").expect("a session");
    end(&service.store, &session, Event::Logout, &LoginOrigin::default(), NOW).await.expect("ended");
    assert_eq!(service.refresh("r0", "r1").await, Err(RefreshError::Ended));
    assert_eq!(service.events(), [Event::Login, Event::Logout, Event::RefreshRefused]);
}

fn rotated(hash: &str) -> AccountChange {
    let secret = NewSecret { hash: hash.into(), at: NOW.plus(Duration::from_secs(1)) };
    AccountChange { secret: Some(secret), ..AccountChange::default() }
}

/// Changes the account while a login compares its secret.
struct ChangedMeanwhile(FakeAccess, AccountChange);

impl Secrets for ChangedMeanwhile {
    fn verify(&self, hash: Option<&str>, secret: &str) -> bool {
        let name = AccountName::parse("operator").expect("a name");
        let changed = pin!(self.0.change(&name, &self.1, NOW)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(changed, Poll::Ready(Ok(_))), "a fake does not wait");
        hash == Some(secret)
    }

    fn remember(&self, _: &str, _: &str, _: &str, _: Timestamp) {}

    fn is_remembered(&self, _: &str, _: &str, _: &str, _: Timestamp) -> bool {
        false
    }
}

#[tokio::test]
async fn a_login_does_not_outlive_a_change_of_the_account_that_is_made_meanwhile() {
    let disabled = AccountChange { disabled: Some(true), ..AccountChange::default() };
    let narrowed = AccountChange { scopes: Some(scopes("documents")), ..AccountChange::default() };
    for (change, asked, expected) in [
        (rotated("new"), None, Err(LoginError::Refused)),
        (disabled, None, Err(LoginError::Refused)),
        (narrowed.clone(), None, Ok(scopes("documents"))),
        (narrowed, Some("affiliation"), Err(LoginError::Scope)),
    ] {
        let service = Service::new(false).await;
        let secrets = ChangedMeanwhile(service.store.clone(), change);
        let credentials = Credentials { name: "operator", spellings: &["right"] };
        let asked = asked.map(scopes);
        let login = Login { credentials, scopes: asked, session: "s", refresh_id: None, lifetime: LIFETIME };
        let origin = LoginOrigin::default();
        let result = log_in(&service.store, &secrets, &service.failed, &login, &origin, NOW).await;
        assert_eq!(result.map(|started| started.scopes), expected);
        let session = service.store.find_session("s").await.expect("a store");
        assert_eq!(session.is_some(), expected != Err(LoginError::Refused));
    }
}

#[tokio::test]
async fn a_session_of_an_earlier_secret_is_not_refreshed() {
    let service = Service::new(false).await;
    service.log_in("operator", "right", None, NOW).await.expect("a session");
    service.change(rotated("new")).await;
    assert_eq!(service.refresh("r0", "r1").await, Err(RefreshError::Ended));
    assert_eq!(service.events(), [Event::Login, Event::RefreshRefused]);
}

/// A release that did not store the secret of a session compared nothing.
#[tokio::test]
async fn a_session_without_a_stored_secret_is_refreshed_unless_it_is_older_than_the_secret() {
    for (age, expected) in [(0, true), (1, false)] {
        let service = Service::new(false).await;
        let session = Session {
            id: "s".into(),
            subject: "operator".into(),
            refresh_id: Some("r0".into()),
            created_at: Timestamp::from_micros(NOW.as_micros() - age),
            secret_at: None,
            expires_at: NOW.plus(LIFETIME),
            revoked_at: None,
        };
        service.store.begin(&session, "right").await.expect("a session");
        assert_eq!(service.refresh("r0", "r1").await.is_ok(), expected, "{age}");
    }
}

#[tokio::test]
async fn a_session_ends_after_its_lifetime_however_often_it_is_refreshed() {
    let service = Service::new(false).await;
    service.log_in("operator", "right", None, NOW).await.expect("a session");
    let end = NOW.plus(SESSION_LIFETIME);
    let (mut now, mut number) = (NOW, 0);
    let last = loop {
        now = now.plus(Duration::from_hours(160));
        let refreshed = service.refresh_at(&format!("r{number}"), &format!("r{}", number + 1), now).await;
        let Ok(Refreshed { ends_at, expires_at, .. }) = refreshed else { break refreshed };
        number += 1;
        assert_eq!((ends_at, expires_at), (end, now.plus(LIFETIME).min(end)));
        let session = service.store.find_session("s").await.expect("a store").expect("a session");
        assert_eq!(session.expires_at, expires_at);
    };
    assert_eq!((last, number), (Err(RefreshError::Ended), 4));
}

#[tokio::test]
async fn a_change_ends_the_sessions_of_its_account_once() {
    let service = Service::new(false).await;
    let other = AccountName::parse("other").expect("a name");
    let mut account = service.store.list().await.expect("accounts").remove(0);
    account.name = other.clone();
    let stored = StoredAccount { account, secret_hash: "right".into() };
    assert_eq!(service.store.insert(&stored).await, Ok(true));
    for (id, subject) in [("1", "operator"), ("2", "operator"), ("3", "other")] {
        let session = Session {
            id: id.into(),
            subject: subject.into(),
            refresh_id: None,
            created_at: NOW,
            secret_at: None,
            expires_at: NOW,
            revoked_at: None,
        };
        service.store.begin(&session, "right").await.expect("a session");
        if id == "2" {
            service.store.end(&session, NOW).await.expect("ended");
        }
    }
    let ids = |sessions: Vec<Session>| sessions.into_iter().map(|session| session.id).collect::<Vec<_>>();
    assert_eq!(ids(service.change(AccountChange::default()).await), [""; 0]);
    let ending = AccountChange { ends_sessions: true, ..AccountChange::default() };
    assert_eq!(ids(service.change(ending.clone()).await), ["1"]);
    assert_eq!(ids(service.change(ending).await), [""; 0]);
    assert_eq!(ids(service.store.delete(&other, NOW).await.expect("deleted")), ["3"]);
}
