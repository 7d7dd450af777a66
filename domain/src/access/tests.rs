use super::fakes::{FakeAccess, FakeFailedLogins, PlainSecrets};
use super::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const LIFETIME: Duration = Duration::from_hours(168);

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
    };
    assert_eq!(store.insert(&Stored { account, secret_hash: "right".into(), seed: None }).await, Ok(true));
    store
}

struct Door {
    store: FakeAccess,
    secrets: PlainSecrets,
    failed: FakeFailedLogins,
}

impl Door {
    async fn new(disabled: bool) -> Self {
        Self {
            store: with_account(disabled).await,
            secrets: PlainSecrets::default(),
            failed: FakeFailedLogins::default(),
        }
    }

    async fn knock(&self, name: &str, secret: &str, asked: Option<&str>, at: Timestamp) -> Result<Scopes, LoginError> {
        let login =
            Login { name, secret, scopes: asked.map(scopes), session: "s", refresh_id: Some("r0"), lifetime: LIFETIME };
        let origin = LoginOrigin { address: Some("192.0.2.1".into()), ..LoginOrigin::default() };
        log_in(&self.store, &self.secrets, &self.failed, &login, &origin, at).await.map(|(_, scopes)| scopes)
    }

    async fn refresh(&self, old: &str, new: &str) -> Result<Scopes, Refused> {
        let rotation = Rotation { session: "s", subject: "operator", old, new, expires_at: NOW.plus(LIFETIME) };
        refresh(&self.store, &rotation, &LoginOrigin::default(), NOW).await
    }

    fn events(&self) -> Vec<Event> {
        self.store.events().into_iter().map(|(event, _)| event).collect()
    }
}

#[tokio::test]
async fn a_login_begins_a_session_and_is_noted() {
    let door = Door::new(false).await;
    assert_eq!(door.knock("operator", "right", None, NOW).await, Ok(scopes("affiliation documents")));
    let session = door.store.find_session("s").await.expect("a store").expect("a session");
    assert_eq!((session.subject.as_str(), session.refresh_id.as_deref()), ("operator", Some("r0")));
    assert_eq!(session.expires_at, NOW.plus(LIFETIME));
    assert_eq!(door.events(), [Event::Login]);
    let account = door.store.list().await.expect("accounts").remove(0);
    assert_eq!(account.last_used_at, Some(NOW));
}

#[tokio::test]
async fn who_is_refused_is_treated_alike_and_noted() {
    for (disabled, name, secret) in [
        (false, "operator", "wrong"),
        (true, "operator", "right"),
        (false, "nobody", "right"),
        (false, "no name!", "x"),
    ] {
        let door = Door::new(disabled).await;
        assert_eq!(door.knock(name, secret, None, NOW).await, Err(LoginError::Refused), "{name} {secret}");
        assert_eq!(*door.secrets.0.lock().expect("a count"), 1, "{name}: a secret is compared in any case");
        assert_eq!(door.events(), [Event::LoginRefused]);
    }
}

#[tokio::test]
async fn scopes_may_be_narrowed_and_never_widened() {
    let door = Door::new(false).await;
    assert_eq!(door.knock("operator", "right", Some("documents"), NOW).await, Ok(scopes("documents")));
    assert_eq!(door.knock("operator", "right", Some("documents admin"), NOW).await, Err(LoginError::Scope));
}

#[tokio::test]
async fn too_many_attempts_have_to_wait_and_a_success_forgets_them() {
    let door = Door::new(false).await;
    for _ in 1..10 {
        assert_eq!(door.knock("operator", "wrong", None, NOW).await, Err(LoginError::Refused));
    }
    assert!(door.knock("operator", "right", None, NOW).await.is_ok(), "the tenth is free");
    for _ in 0..10 {
        assert_eq!(door.knock("operator", "wrong", None, NOW).await, Err(LoginError::Refused));
    }
    let second = Duration::from_secs(1);
    assert_eq!(door.knock("operator", "right", None, NOW).await, Err(LoginError::TooSoon(second)));
    assert_eq!(*door.secrets.0.lock().expect("a count"), 20, "a secret that comes too soon is not looked at");
    assert_eq!(door.events().last(), Some(&Event::LoginThrottled));
    assert!(door.knock("operator", "right", None, NOW.plus(second)).await.is_ok());
}

#[tokio::test]
async fn attempts_that_overtake_each_other_do_not_wait_for_each_other() {
    let door = Door::new(false).await;
    for micros in [9, 5, 7, 1, 8, 2] {
        let at = Timestamp::from_micros(NOW.as_micros() + micros);
        assert_eq!(door.knock("operator", "wrong", None, at).await, Err(LoginError::Refused));
    }
}

#[tokio::test]
async fn without_a_record_nobody_gets_in() {
    let door = Door { store: FakeAccess::down(), ..Door::new(false).await };
    assert_eq!(door.knock("operator", "right", None, NOW).await, Err(LoginError::NotRecorded));
    assert_eq!(door.refresh("r0", "r1").await, Err(Refused::NotRecorded));
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_session() {
    let door = Door::new(false).await;
    door.knock("operator", "right", None, NOW).await.expect("a session");
    assert_eq!(door.refresh("r0", "r1").await, Ok(scopes("affiliation documents")));
    assert_eq!(door.refresh("r1", "r2").await, Ok(scopes("affiliation documents")));
    assert!(matches!(door.refresh("r0", "r3").await, Err(Refused::Reused(_))));
    assert_eq!(door.refresh("r2", "r4").await, Err(Refused::Ended), "the good one ends with it");
    let expected = [Event::Login, Event::Refresh, Event::Refresh, Event::RefreshReused, Event::RefreshRefused];
    assert_eq!(door.events(), expected);
}

#[tokio::test]
async fn a_refresh_follows_what_the_account_may_do_now() {
    let door = Door::new(false).await;
    door.knock("operator", "right", None, NOW).await.expect("a session");
    let name = AccountName::parse("operator").expect("a name");
    let narrowed = AccountChange { scopes: Some(scopes("documents")), ..AccountChange::default() };
    door.store.change(&name, &narrowed).await.expect("changed");
    assert_eq!(door.refresh("r0", "r1").await, Ok(scopes("documents")));
    let disabled = AccountChange { disabled: Some(true), ..AccountChange::default() };
    door.store.change(&name, &disabled).await.expect("changed");
    assert_eq!(door.refresh("r1", "r2").await, Err(Refused::Ended));
}

#[test]
fn scopes_are_read_and_written() {
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
    }
}

#[test]
fn names_are_read_or_refused() {
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
        assert_eq!(AccountName::parse(name).is_ok(), good, "{name}");
    }
}

proptest! {
    /// Whatever comes when, no window of an hour sees more attempts than the throttle allows for.
    #[test]
    fn attempts_are_slowed_down(gaps in prop::collection::vec(0_u64..5_000, 1..400)) {
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
