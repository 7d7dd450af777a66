//! Scenario: what an administrator does to an account reaches every login, also those that run at
//! that moment.

use connectivity_tests::access::{Access, SECRETS};
use connectivity_tests::backend::On;
use connectivity_tests::client::Answer;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Logins that run while the account is changed.
const LOGINS: usize = 24;

/// How often the change is repeated, so that it meets logins in all their phases.
const ROUNDS: usize = 4;

const ACCOUNTS: &str = "/api/v1/service-accounts/";

/// What an administrator does to an account.
#[derive(Clone, Copy, Debug)]
enum Change {
    Rotate,
    Disable,
    Delete,
}

impl Change {
    async fn make(self, access: &Access, root: &str, name: &str) -> Answer {
        let path = format!("{ACCOUNTS}{name}/");
        match self {
            Self::Rotate => access.call("POST", &format!("{path}rotate/"), root, &Value::Null).await,
            Self::Disable => access.call("PATCH", &path, root, &json!({"disabled": true})).await,
            Self::Delete => access.call("DELETE", &path, root, &Value::Null).await,
        }
    }
}

/// Logs in often while the new account `name` is changed, and checks that no token of these logins
/// is accepted after the change.
async fn change_during_logins(access: &Access, change: Change, name: &str) {
    let root = access.granted("root", SECRETS.root, None).await;
    let made = access.call("POST", ACCOUNTS, &root, &json!({"name": name, "scopes": ["affiliation"]})).await;
    let secret = made.json()["secret"].as_str().expect("a secret").to_owned();
    let login = json!({"username": name, "password": secret});
    // The account is changed when the first login has succeeded, while others still run.
    let first_success = Notify::new();
    let logins = join_all((0..LOGINS).map(async |_| {
        let answer = access.post("/api/v1/token/", &login).await;
        if answer.status == 200 {
            first_success.notify_one();
        }
        answer
    }));
    let changed = async {
        first_success.notified().await;
        change.make(access, &root, name).await
    };
    let (changed, logins) = join(changed, logins).await;
    assert!(changed.status.is_success(), "{changed:?}");
    for login in logins {
        match login.status.as_u16() {
            200 => {}
            // Concurrent attempts on one account are throttled.
            401 | 429 => continue,
            status => panic!("{status} {login:?} {:?}", access.host.log()),
        }
        let pair = login.json();
        let token = pair["access"].as_str().expect("a token");
        assert_eq!(access.check(token).await, 401, "{change:?}: an access token of the login");
        let refreshed = access.post("/api/v1/token/refresh/", &json!({"refresh": pair["refresh"]})).await;
        assert_eq!(refreshed.status, 401, "{change:?}: a refresh token of the login");
    }
}

async fn changes_during_logins(on: On) {
    let access = Access::start(on, &[]).await;
    for round in 0..ROUNDS {
        for change in [Change::Rotate, Change::Disable, Change::Delete] {
            change_during_logins(&access, change, &format!("{change:?}-{round}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_outlives_a_rotation_or_the_disabling_of_its_account_embedded() {
    changes_during_logins(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_outlives_a_rotation_or_the_disabling_of_its_account_on_servers() {
    changes_during_logins(On::Servers).await;
}

/// A session that escaped the change, for example because it was restored from a backup, is not
/// refreshed.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_earlier_secret_is_not_refreshed() {
    let access = Access::start(On::Servers, &[]).await;
    let root = access.granted("root", SECRETS.root, None).await;
    let pair = access.pair("operator", SECRETS.operator).await;
    let rotate = "/api/v1/service-accounts/operator/rotate/";
    assert_eq!(access.call("POST", rotate, &root, &Value::Null).await.status, 200);
    access.backend().query("UPDATE sessions SET revoked_at = NULL WHERE subject = 'operator'").await;
    let refreshed = access.post("/api/v1/token/refresh/", &json!({"refresh": pair.refresh})).await;
    assert_eq!(refreshed.status, 401, "{refreshed:?}");
}
