//! Tokens signed with a key pair, key rotation, and the operator's commands.

use connectivity_tests::access::{Access, OPERATOR, SECRETS};
use connectivity_tests::backend::On;
use connectivity_tests::host::SECRET;
use connectivity_tests::pipeline::{Pipeline, request};
use connectivity_tests::servers::root;
use serde_json::{Value, json};
use std::process::{Command, Output};

fn bridge(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(root().join("target/release/connectivity-bridge"));
    command.args(arguments).env_remove("JWT_SECRET").envs(settings.iter().copied()).output().expect("the bridge")
}

/// Generates a key pair with the operator's command: `jwt_signing_key` and a key for
/// `jwt_public_keys`.
fn signing_key() -> (String, Value) {
    let output = bridge(&["signing-key"], &[]);
    assert!(output.status.success(), "{output:?}");
    let set: Value = serde_json::from_slice(&output.stderr).expect("a key set");
    (String::from_utf8(output.stdout).expect("PEM"), set["keys"][0].clone())
}

fn header(token: &str) -> Value {
    use base64::Engine;
    let encoded = token.split('.').next().unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(encoded).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_without_rejecting_valid_tokens() {
    let ((first, first_public), (second, second_public)) = (signing_key(), signing_key());
    let start = async |key: &str, public: &[&Value]| {
        let public = json!({ "keys": public }).to_string();
        Access::start(On::Servers, &[("jwt_signing_key", key), ("jwt_public_keys", &public)]).await
    };
    let before = start(&first, &[&first_public]).await;
    let old = before.pair("operator", OPERATOR).await;
    assert_eq!(header(&old.access), json!({"typ": "JWT", "alg": "EdDSA", "kid": first_public["kid"]}));
    assert_eq!(before.check(&old.access).await, 200);
    let published = before.client.get(&before.host.url("/.well-known/jwks.json")).await.json();
    assert_eq!(published, json!({"keys": [first_public]}));
    let during = start(&second, &[&first_public, &second_public]).await;
    let new = during.pair("operator", OPERATOR).await;
    assert_eq!(header(&new.access)["kid"], second_public["kid"]);
    assert_eq!((during.check(&old.access).await, during.check(&new.access).await), (200, 200));
    let after = start(&second, &[&second_public]).await;
    assert_eq!((after.check(&old.access).await, after.check(&new.access).await), (401, 200));
}

/// A key pair replaces the secret: nothing that the other components hold can sign a token.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_pair_no_secret_is_needed_and_none_is_accepted() {
    let (private, public) = signing_key();
    let public = json!({ "keys": [public] }).to_string();
    for secret in ["", SECRET] {
        let variables = [("jwt_signing_key", &*private), ("jwt_public_keys", &*public), ("jwt_secret", secret)];
        let access = Access::start(On::Embedded, &variables).await;
        let own = access.granted("operator", OPERATOR, None).await;
        assert_eq!(access.check(&own).await, 200, "{:?}", access.host.log());
        let signed = connectivity_tests::client::token();
        let answer =
            access.call("GET", "/api/v1/affiliation/history/?citizen_id=1128456232", &signed, &Value::Null).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.contains("the algorithm is not accepted"), "{challenge}");
        // What the bridge has: an account whose tokens have one scope.
        let bridge = access.granted("bridge", SECRETS.bridge, None).await;
        let outbox = access.call("POST", "/internal/v1/documents/outbox/", &bridge, &json!({"limit": 1})).await;
        assert_eq!(outbox.status, 200, "{outbox:?}");
        assert_eq!(access.call("GET", "/api/v1/service-accounts/", &bridge, &Value::Null).await.status, 403);
        let more = access.login_form("bridge", SECRETS.bridge, Some("bridge admin"));
        assert_eq!(access.form("/oauth/token", &[], &more).await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_manages_accounts_with_the_bridge_commands() {
    let access = Access::start(On::Servers, &[]).await;
    let url = access.host.url("");
    let by_secret = [("COMPONENTS_URL", url.as_str()), ("JWT_SECRET", SECRET)];
    let by_client =
        [("COMPONENTS_URL", url.as_str()), ("ADMIN_CLIENT_ID", "root"), ("ADMIN_CLIENT_SECRET", SECRETS.root)];
    let run = |settings: &[(&str, &str)], arguments: &[&str]| {
        let output = bridge(&[&["service-account"], arguments].concat(), settings);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let secret_of = |shown: &str| {
        let line = shown.lines().find_map(|line| line.strip_prefix("secret: "));
        line.expect("a secret").to_owned()
    };
    let (good, shown, _) = run(&by_secret, &["create", "clerk", "--scope", "affiliation", "--scope", "documents"]);
    assert!(good, "{shown}");
    let first = secret_of(&shown);
    let token = access.granted("clerk", &first, None).await;
    assert_eq!(access.check(&token).await, 200);
    // The accounts of the variable are seeded at the first login of an instance.
    let (good, list, error) = run(&by_client, &["list"]);
    assert!(good && list.contains("clerk  affiliation,documents  enabled"), "{list} {error}");
    let (_, rotated, _) = run(&by_client, &["rotate", "clerk"]);
    let second = secret_of(&rotated);
    assert_ne!(first, second);
    assert_eq!(access.check(&token).await, 401);
    access.granted("clerk", &second, None).await;
    assert!(run(&by_client, &["disable", "clerk"]).0);
    assert_eq!(access.form("/oauth/token", &[], &access.login_form("clerk", &second, None)).await.status, 401);
    assert!(run(&by_client, &["enable", "clerk"]).0);
    access.granted("clerk", &second, None).await;
    for (rate, shown) in
        [("5/minute", "rate limit 5/minute"), ("off", "rate limit off"), ("default", "rate limit default")]
    {
        assert!(run(&by_client, &["rate-limit", "clerk", rate]).0);
        assert!(run(&by_client, &["list"]).1.contains(&format!("enabled  {shown}")), "{rate}");
    }
    let (good, _, error) = run(&by_client, &["rate-limit", "clerk", "often"]);
    assert!(!good && error.contains("rate_limit"), "{error}");
    assert!(run(&by_client, &["create", "importer", "--scope", "affiliation", "--rate-limit", "off"]).0);
    assert!(run(&by_client, &["list"]).1.contains("importer  affiliation  enabled  rate limit off"));
    let (good, _, error) = run(&by_client, &["create", "clerk", "--scope", "documents"]);
    assert!(!good && error.contains("a service account with this name exists"), "{error}");
    let (good, _, error) = run(&[], &["list"]);
    assert!(!good && error.contains("COMPONENTS_URL") && error.contains("ADMIN_CLIENT_ID"), "{error}");
    let actor = "SELECT DISTINCT actor FROM access_audit WHERE event = 'ACCOUNT_ROTATED'";
    assert_eq!(access.backend().query(actor).await, ["root"], "the audit log names the account that acted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_obtains_its_token_with_client_credentials() {
    let pipeline = Pipeline::start(&[]).await;
    pipeline.publish(request("by-client").to_string().as_bytes()).await;
    assert_eq!(pipeline.results(1).await[0].body["status"], "SUCCESS");
    let sql = "SELECT CONCAT(event, ' ', subject) FROM access_audit WHERE event = 'LOGIN'";
    let logins = pipeline.servers.query(&pipeline.database, sql).await;
    assert_eq!(logins, ["LOGIN bridge"], "one token for all requests");
}
