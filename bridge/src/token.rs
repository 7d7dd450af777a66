//! Access tokens for the components: signed by the bridge, or obtained by client credentials. They
//! are renewed before they expire.

use crate::settings::Credentials;
use serde::Deserialize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The lifetime of a token that the bridge signs.
const LIFETIME: Duration = Duration::from_mins(10);

/// A token is renewed when a fifth of its lifetime is left.
const RENEW: u32 = 5;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("cannot sign an access token: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
    #[error("cannot get an access token from /oauth/token: {0}")]
    Http(#[from] reqwest::Error),
}

/// The tokens of one account and scope.
pub(crate) struct Tokens {
    credentials: Credentials,
    scope: &'static str,
    endpoint: String,
    http: reqwest::Client,
    cached: Mutex<Option<(String, Instant)>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl Tokens {
    /// Tokens with this scope. Those that the bridge signs have the scope as their subject.
    pub(crate) fn new(
        credentials: Credentials,
        scope: &'static str,
        components_url: &str,
        http: reqwest::Client,
    ) -> Self {
        Self { credentials, scope, endpoint: format!("{components_url}/oauth/token"), http, cached: Mutex::new(None) }
    }

    /// Returns a token that does not expire soon.
    pub(crate) async fn get(&self) -> Result<String, TokenError> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((token, _)) = cached.filter(|(_, renew_at)| Instant::now() < *renew_at) {
            return Ok(token);
        }
        let asked = Instant::now();
        let (token, lifetime) = match &self.credentials {
            Credentials::Secret { secret, issuer, audience } => (sign(secret, issuer, audience, self.scope)?, LIFETIME),
            Credentials::Client { id, secret } => {
                let form = [("grant_type", "client_credentials"), ("scope", self.scope)];
                let request = self.http.post(&self.endpoint).basic_auth(id, Some(secret)).form(&form);
                let granted: Granted = request.send().await?.error_for_status()?.json().await?;
                (granted.access_token, Duration::from_secs(granted.expires_in))
            }
        };
        let renew_at = asked + lifetime / RENEW * (RENEW - 1);
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.clone(), renew_at));
        Ok(token)
    }

    /// Discards the cached token, because it was rejected.
    pub(crate) fn forget(&self) {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn sign(secret: &str, issuer: &str, audience: &str, scope: &str) -> Result<String, jsonwebtoken::errors::Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = serde_json::json!({
        "iss": issuer, "aud": audience, "sub": scope, "scope": scope, "token_type": "access",
        "iat": now, "nbf": now, "exp": now + LIFETIME.as_secs(), "jti": uuid::Uuid::new_v4().to_string(),
    });
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key)
}
