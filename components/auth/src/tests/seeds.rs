//! Tests of the variable `service_accounts`: what one instance applies, and the next ones do not.

use super::*;

fn entry(name: &str, secret: &str, scopes: &[&str]) -> Value {
    json!({"name": name, "secret": secret, "scopes": scopes})
}

fn version(mut entry: Value, version: u64) -> Value {
    entry["version"] = version.into();
    entry
}

impl Given {
    async fn log_in(&self, name: &str, secret: &str) -> StatusCode {
        self.post("/api/v1/token/", &json!({"username": name, "password": secret})).await.status
    }

    /// Returns another instance with the account `root` and this entry.
    fn next(&self, entry: &Value) -> Self {
        instance(&self.store, &json!([self::entry("root", "root's own secret", &["admin"]), entry]))
    }

    fn seeded(&self) -> usize {
        self.store.events().into_iter().filter(|(event, _)| *event == Event::Seeded).count()
    }
}

const OK: StatusCode = StatusCode::OK;
const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;

fn operator(secret: &str) -> Value {
    entry("operator", secret, &["affiliation", "documents"])
}

#[tokio::test]
async fn a_rotated_account_keeps_its_secret() {
    let given = given();
    given.pair().await;
    let rotated = given.administer("POST", "/api/v1/service-accounts/operator/rotate/", None).await.json();
    let secret = rotated["secret"].as_str().expect("a secret");
    let next = given.next(&operator("operator's secret"));
    assert_eq!(next.log_in("operator", "operator's secret").await, UNAUTHORIZED);
    assert_eq!(next.log_in("operator", secret).await, OK);
    assert_eq!(given.seeded(), 2, "operator and root");
}

#[tokio::test]
async fn a_deleted_account_stays_deleted_until_it_is_created_again() {
    let given = given();
    given.pair().await;
    let deleted = given.administer("DELETE", "/api/v1/service-accounts/operator/", None).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let next = given.next(&operator("operator's secret"));
    assert_eq!(next.log_in("operator", "operator's secret").await, UNAUTHORIZED);
    let body = json!({"name": "operator", "scopes": ["documents"]});
    let made = next.administer("POST", "/api/v1/service-accounts/", Some(body)).await;
    let secret = made.json()["secret"].as_str().expect("a secret").to_owned();
    let last = given.next(&operator("operator's secret"));
    assert_eq!(last.log_in("operator", &secret).await, OK);
    assert_eq!(last.log_in("operator", "operator's secret").await, UNAUTHORIZED);
}

#[tokio::test]
async fn instances_with_different_values_do_not_overwrite_each_other() {
    let given = given();
    given.pair().await;
    let other = given.next(&operator("another good secret"));
    assert_eq!(other.log_in("operator", "another good secret").await, UNAUTHORIZED);
    assert_eq!(given.log_in("operator", "operator's secret").await, OK);
}

#[tokio::test]
async fn a_greater_version_is_applied_once_and_ends_the_sessions() {
    let given = given();
    let (access, _) = given.pair().await;
    let raised = || version(operator("another good secret"), 2);
    let next = given.next(&raised());
    assert_eq!(next.log_in("operator", "another good secret").await, OK);
    assert_eq!(next.post("/api/v1/token/verify/", &json!({"token": access})).await.status, UNAUTHORIZED);
    // An instance that still has the earlier version changes nothing.
    let late = given.next(&operator("operator's secret"));
    assert_eq!(late.log_in("operator", "operator's secret").await, UNAUTHORIZED);
    given.administer("DELETE", "/api/v1/service-accounts/operator/", None).await;
    assert_eq!(given.next(&raised()).log_in("operator", "another good secret").await, UNAUTHORIZED);
    let again = given.next(&version(operator("another good secret"), 3));
    assert_eq!(again.log_in("operator", "another good secret").await, OK);
    assert_eq!(given.seeded(), 4, "operator three times, root once");
}
