//! The secrets of k8s/base/secrets.template.yaml, with values of this run.

use super::podman::Podman;
use super::servers::{MIGRATION, NAME};
use crate::failure::Failure;
use crate::services::{self, rabbitmq};
use crate::token::random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The account of the checks.
pub(super) const SMOKE: &str = "smoke";

/// What the checks need of the secrets.
pub(super) struct Values {
    pub(super) smoke_secret: String,
    /// The names of all secrets.
    pub(super) names: Vec<&'static str>,
}

/// Creates the secrets. `database` is the password of MariaDB's accounts, and `image` the bridge's,
/// which makes the key pair.
pub(super) fn create(podman: &Podman, image: &str, database: &str) -> Result<Values, Failure> {
    let known = services::known()?;
    let (private, public) = podman.both(&["run", "--rm", "--network", "none", image, "signing-key"])?;
    let (bridge_secret, smoke_secret) = (random()?, random()?);
    let accounts = json!([
        {"name": "bridge", "secret": bridge_secret, "scopes": ["bridge"]},
        {"name": SMOKE, "secret": smoke_secret, "scopes": ["affiliation", "documents"]},
    ]);
    let secrets = [
        (
            "connectivity-secrets",
            json!({
                "jwt_signing_key": private,
                "jwt_public_keys": public,
                "mysql_password": database,
                "redis_password": known.redis.password,
                "service_accounts": accounts.to_string(),
            }),
        ),
        (
            "connectivity-bridge-secrets",
            json!({
                "rabbitmq_user": rabbitmq::USER,
                "rabbitmq_password": known.rabbitmq.password,
                "client_id": "bridge",
                "client_secret": bridge_secret,
            }),
        ),
        (
            "connectivity-migration-secrets",
            json!({"database_url": format!("mysql://{MIGRATION}:{database}@mariadb:3306/{NAME}")}),
        ),
    ];
    for (name, values) in &secrets {
        podman.store_secret(name, &encoded(values))?;
    }
    // A secret that is mounted as a file.
    let docker = json!({".dockerconfigjson": "{}"});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "connectivity-registry"}, "data": encoded(&docker),
    });
    podman.play(&[secret], &[])?;
    let names = secrets.iter().map(|(name, _)| *name).chain(["connectivity-registry"]).collect();
    Ok(Values { smoke_secret, names })
}

/// Returns the values in base64, as the field `data` of a Secret has them.
fn encoded(values: &Value) -> Value {
    let values = values.as_object().into_iter().flatten();
    values
        .map(|(key, value)| (key.clone(), Value::from(STANDARD.encode(value.as_str().unwrap_or_default()))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::encoded;
    use serde_json::json;

    #[test]
    fn values_are_encoded() {
        assert_eq!(encoded(&json!({"key": "a b"})), json!({"key": "YSBi"}));
    }
}
