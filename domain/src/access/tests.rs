use super::fakes::{FakeAccess, FakeFailedLogins, PlainSecrets};
use super::*;
use crate::time::Timestamp;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

mod sessions;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const LIFETIME: Duration = Duration::from_hours(168);
const SESSION_LIFETIME: Duration = Duration::from_hours(24 * 30);

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).expect("scopes")
}

async fn with_account(disabled: bool) -> FakeAccess {
    let store = FakeAccess::default();
    let account = Account {
        name: AccountName::parse("operator").expect("a name"),
        scopes: scopes("affiliation documents"),
        disabled,
        created_at: NOW,
        rotated_at: NOW,
        last_used_at: None,
        rate_limit: None,
    };
    assert_eq!(store.insert(&StoredAccount { account, secret_hash: "right".into() }).await, Ok(true));
    store
}

struct Service {
    store: FakeAccess,
    secrets: PlainSecrets,
    failed: FakeFailedLogins,
}

impl Service {
    async fn new(disabled: bool) -> Self {
        Self {
            store: with_account(disabled).await,
            secrets: PlainSecrets::default(),
            failed: FakeFailedLogins::default(),
        }
    }

    async fn log_in(&self, name: &str, secret: &str, asked: Option<&str>, at: Timestamp) -> Result<Scopes, LoginError> {
        let credentials = Credentials { name, spellings: &[secret] };
        let asked = asked.map(scopes);
        let login = Login { credentials, scopes: asked, session: "s", refresh_id: Some("r0"), lifetime: LIFETIME };
        let origin = LoginOrigin { network: Some("192.0.2.1".into()), ..LoginOrigin::default() };
        log_in(&self.store, &self.secrets, &self.failed, &login, &origin, at).await.map(|started| started.scopes)
    }

    async fn refresh(&self, old: &str, new: &str) -> Result<Scopes, RefreshError> {
        self.refresh_at(old, new, NOW).await.map(|refreshed| refreshed.scopes)
    }

    async fn refresh_at(&self, old: &str, new: &str, now: Timestamp) -> Result<Refreshed, RefreshError> {
        let (lifetime, session_lifetime) = (LIFETIME, SESSION_LIFETIME);
        let rotation = Rotation { session: "s", subject: "operator", old, new, lifetime, session_lifetime };
        refresh(&self.store, &rotation, &LoginOrigin::default(), now).await
    }

    async fn change(&self, change: AccountChange) -> Vec<Session> {
        let name = AccountName::parse("operator").expect("a name");
        self.store.change(&name, &change, NOW).await.expect("a change")
    }

    fn events(&self) -> Vec<Event> {
        self.store.events().into_iter().map(|(event, _)| event).collect()
    }
}

#[tokio::test]
async fn login_starts_a_session_and_is_audited() {
    let service = Service::new(false).await;
    assert_eq!(service.log_in("operator", "right", None, NOW).await, Ok(scopes("affiliation documents")));
    let session = service.store.find_session("s").await.expect("a store").expect("a session");
    assert_eq!((session.subject.as_str(), session.refresh_id.as_deref()), ("operator", Some("r0")));
    assert_eq!(session.expires_at, NOW.plus(LIFETIME));
    assert_eq!(service.events(), [Event::Login]);
    let account = service.store.list().await.expect("accounts").remove(0);
    assert_eq!(account.last_used_at, Some(NOW));
}

#[tokio::test]
async fn refused_logins_are_indistinguishable_and_audited() {
    for (disabled, name, secret) in [
        (false, "operator", "wrong"),
        (true, "operator", "right"),
        (false, "nobody", "right"),
        (false, "no name!", "x"),
    ] {
        let service = Service::new(disabled).await;
        assert_eq!(service.log_in(name, secret, None, NOW).await, Err(LoginError::Refused), "{name} {secret}");
        assert_eq!(*service.secrets.compared.lock().expect("a count"), 1, "{name}: a secret is always compared");
        assert_eq!(service.events(), [Event::LoginRefused]);
    }
}

#[tokio::test]
async fn requested_scopes_must_be_those_of_the_account() {
    let service = Service::new(false).await;
    assert_eq!(service.log_in("operator", "right", Some("documents"), NOW).await, Ok(scopes("documents")));
    assert_eq!(service.log_in("operator", "right", Some("documents admin"), NOW).await, Err(LoginError::Scope));
}

#[tokio::test]
async fn failed_attempts_cause_pauses_and_a_success_resets_them() {
    let service = Service::new(false).await;
    for guess in 1..10 {
        let wrong = format!("wrong {guess}");
        assert_eq!(service.log_in("operator", &wrong, None, NOW).await, Err(LoginError::Refused));
    }
    assert!(service.log_in("operator", "right", None, NOW).await.is_ok(), "the tenth attempt is free");
    for guess in 10..20 {
        let wrong = format!("wrong {guess}");
        assert_eq!(service.log_in("operator", &wrong, None, NOW).await, Err(LoginError::Refused));
    }
    let second = Duration::from_secs(1);
    assert_eq!(service.log_in("operator", "right", None, NOW).await, Err(LoginError::TooSoon(second)));
    assert_eq!(*service.secrets.compared.lock().expect("a count"), 20, "no secret is compared during a pause");
    assert_eq!(service.events().last(), Some(&Event::LoginThrottled));
    assert!(service.log_in("operator", "right", None, NOW.plus(second)).await.is_ok());
}

#[tokio::test]
async fn a_client_that_repeats_a_wrong_secret_does_not_delay_the_right_one() {
    let service = Service::new(false).await;
    for name in ["operator", "nobody"] {
        for _ in 0..1_000 {
            assert_eq!(service.log_in(name, "old secret", None, NOW).await, Err(LoginError::Refused));
        }
    }
    assert_eq!(*service.secrets.compared.lock().expect("a count"), 2, "each is compared once");
    assert!(service.log_in("operator", "right", None, NOW).await.is_ok());
    assert_eq!(service.events().iter().filter(|event| **event == Event::LoginRefused).count(), 2_000);
}

#[tokio::test]
async fn a_client_of_a_disabled_account_delays_nobody_and_is_welcome_when_it_is_enabled() {
    let service = Service::new(true).await;
    for _ in 0..1_000 {
        assert_eq!(service.log_in("operator", "right", None, NOW).await, Err(LoginError::Refused));
    }
    assert_eq!(*service.secrets.compared.lock().expect("a count"), 1);
    service.change(AccountChange { disabled: Some(false), ..AccountChange::default() }).await;
    assert!(service.log_in("operator", "right", None, NOW).await.is_ok());
}

#[tokio::test]
async fn a_secret_that_was_wrong_is_compared_again_when_the_hash_is_another_one() {
    let service = Service::new(false).await;
    assert_eq!(service.log_in("operator", "next", None, NOW).await, Err(LoginError::Refused));
    let secret = Some(NewSecret { hash: "next".into(), at: NOW });
    service.change(AccountChange { secret, ..AccountChange::default() }).await;
    assert!(service.log_in("operator", "next", None, NOW).await.is_ok());
}

#[tokio::test]
async fn a_remembered_secret_is_neither_compared_nor_throttled() {
    let mut service = Service::new(false).await;
    service.secrets.remembered = Some(Arc::default());
    assert!(service.log_in("operator", "right", None, NOW).await.is_ok());
    for guess in 0..20 {
        assert!(service.log_in("operator", &format!("wrong {guess}"), None, NOW).await.is_err());
    }
    assert!(service.log_in("operator", "right", None, NOW).await.is_ok());
    assert_eq!(*service.secrets.compared.lock().expect("a count"), 11, "the first and ten wrong ones");
    let disabled = AccountChange { disabled: Some(true), ..AccountChange::default() };
    service.change(disabled).await;
    assert!(service.log_in("operator", "right", None, NOW).await.is_err());
}

#[tokio::test]
async fn one_right_spelling_of_a_secret_is_enough_and_counts_as_one_attempt() {
    let service = Service::new(false).await;
    let log_in = async |spellings: &[&str]| {
        let credentials = Credentials { name: "operator", spellings };
        let origin = LoginOrigin::default();
        authenticate(&service.store, &service.secrets, &service.failed, credentials, &origin, NOW).await
    };
    for guess in 0..9 {
        assert!(log_in(&["wrong", &format!("also wrong {guess}")]).await.is_err());
    }
    assert!(log_in(&["wrong", "right"]).await.is_ok(), "the tenth attempt is free");
}

#[tokio::test]
async fn a_login_that_does_not_fit_into_the_queue_is_not_counted_as_an_attempt() {
    let mut service = Service::new(false).await;
    let second = Duration::from_secs(1);
    service.failed.full = Some(second);
    for _ in 0..100 {
        assert_eq!(service.log_in("operator", "right", None, NOW).await, Err(LoginError::Busy(second)));
    }
    assert_eq!((*service.secrets.compared.lock().expect("a count"), service.events()), (0, Vec::new()));
    service.failed.full = None;
    assert!(service.log_in("operator", "right", None, NOW.plus(second)).await.is_ok());
}

#[tokio::test]
async fn attempts_out_of_order_do_not_wait_for_each_other() {
    let service = Service::new(false).await;
    for micros in [9, 5, 7, 1, 8, 2] {
        let at = Timestamp::from_micros(NOW.as_micros() + micros);
        assert_eq!(service.log_in("operator", "wrong", None, at).await, Err(LoginError::Refused));
    }
}

#[tokio::test]
async fn login_fails_if_it_cannot_be_recorded() {
    let service = Service { store: FakeAccess::down(), ..Service::new(false).await };
    assert_eq!(service.log_in("operator", "right", None, NOW).await, Err(LoginError::NotRecorded));
    assert_eq!(service.refresh("r0", "r1").await, Err(RefreshError::NotRecorded));
}

#[tokio::test]
async fn success_resets_only_the_attempts_of_its_keys() {
    let failed = FakeFailedLogins::default();
    let throttle = LoginThrottle { free: 1, longest: Duration::from_mins(1) };
    let keys = ["a", "b", "c"].map(|key| (key.to_owned(), throttle));
    assert_eq!(failed.attempt(&keys, NOW).await, None);
    failed.forget(&keys[..2], NOW).await;
    assert_eq!(failed.attempt(&keys[..2], NOW).await, None);
    assert_eq!(failed.attempt(&keys[2..], NOW).await, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn account_is_created_once_and_deleted() {
    let store = with_account(false).await;
    let name = AccountName::parse("operator").expect("a name");
    let stored = store.find(&name).await.expect("a store").expect("an account");
    assert_eq!(store.insert(&stored).await, Ok(false));
    store.delete(&name, NOW).await.expect("deleted");
    assert!(store.find(&name).await.expect("a store").is_none());
    assert_eq!(store.insert(&stored).await, Ok(true));
}

#[test]
fn attempts_are_kept_for_an_hour_after_the_last_one_or_its_pause() {
    let throttle = LoginThrottle { free: 1, longest: Duration::from_mins(1) };
    assert_eq!(Attempts::default().keep(), Duration::from_hours(1));
    let paused = Attempts::default().one_more(throttle, NOW).expect("free");
    assert_eq!(paused.keep(), Duration::from_hours(1) + Duration::from_secs(1));
}

#[test]
fn attempts_are_forgotten_an_hour_after_the_last_one() {
    let throttle = LoginThrottle { free: 2, longest: Duration::from_mins(1) };
    let first = Attempts::default().one_more(throttle, NOW).expect("free");
    let hour = Duration::from_hours(1);
    let second = first.one_more(throttle, NOW.plus(hour)).expect("free");
    assert!(second.one_more(throttle, NOW.plus(hour)).is_ok(), "the first attempt does not count");
    let before = Timestamp::from_micros(NOW.plus(hour).as_micros() - 1);
    let second = first.one_more(throttle, before).expect("free");
    assert!(second.one_more(throttle, before).is_err(), "both attempts count");
}

#[test]
fn audit_events_have_stable_names() {
    let expected = [
        (Event::Login, "LOGIN"),
        (Event::LoginRefused, "LOGIN_REFUSED"),
        (Event::LoginThrottled, "LOGIN_THROTTLED"),
        (Event::Refresh, "REFRESH"),
        (Event::RefreshRefused, "REFRESH_REFUSED"),
        (Event::RefreshReused, "REFRESH_REUSED"),
        (Event::Logout, "LOGOUT"),
        (Event::Revocation, "REVOCATION"),
        (Event::Created, "ACCOUNT_CREATED"),
        (Event::Changed, "ACCOUNT_CHANGED"),
        (Event::Rotated, "ACCOUNT_ROTATED"),
        (Event::Deleted, "ACCOUNT_DELETED"),
        (Event::Seeded, "ACCOUNT_SEEDED"),
    ];
    for (event, name) in expected {
        assert_eq!(event.as_str(), name);
    }
}

#[test]
fn scopes_are_parsed_and_formatted() {
    for (text, expected) in [
        ("", Some("")),
        ("admin", Some("admin")),
        ("documents affiliation", Some("affiliation documents")),
        ("admin admin", None),
        ("admin  documents", None),
        (" admin", None),
        ("Admin", None),
        ("root", None),
    ] {
        assert_eq!(Scopes::parse(text).ok().map(|scopes| scopes.to_string()).as_deref(), expected, "{text}");
        assert_eq!(Scopes::parse(text).is_ok_and(|scopes| scopes.is_empty()), text.is_empty(), "{text}");
    }
}

#[test]
fn account_names_are_validated() {
    let longest = "a".repeat(64);
    for (name, good) in [
        ("operator-1", true),
        ("7", true),
        (longest.as_str(), true),
        (&"a".repeat(65), false),
        ("", false),
        (".a", false),
        ("a b", false),
        ("a/b", false),
        ("á", false),
    ] {
        let expected = good.then(|| name.to_owned());
        assert_eq!(AccountName::parse(name).ok().map(|name| name.to_string()), expected, "{name}");
    }
}

proptest! {
    #[test]
    fn pauses_between_attempts_double_up_to_the_longest(gaps in prop::collection::vec(0_u64..5_000, 1..400)) {
        let throttle = LoginThrottle { free: 5, longest: Duration::from_mins(1) };
        let (mut attempts, mut now, mut admitted) = (Attempts::default(), NOW, Vec::new());
        for gap in gaps {
            now = now.plus(Duration::from_millis(gap));
            prop_assert_eq!(Attempts::parse(&attempts.to_text()), Some(attempts));
            match attempts.one_more(throttle, now) {
                Ok(more) => {
                    attempts = more;
                    admitted.push(now);
                }
                Err(wait) => prop_assert!(wait > Duration::ZERO && wait <= throttle.longest),
            }
        }
        for (index, pair) in admitted.windows(2).enumerate().skip(4) {
            let pause = Duration::from_secs(1 << (index - 4).min(20)).min(throttle.longest);
            prop_assert!(pair[1].since(pair[0]) >= pause, "after {} attempts", index + 1);
        }
    }
}
