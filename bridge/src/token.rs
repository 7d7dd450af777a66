//! Access tokens for the components: obtained by client credentials, or signed by the bridge where
//! it has the components' secret. They are renewed before they expire.

#[cfg(test)]
mod tests;

use crate::settings::Credentials;
use crate::text::http_cause;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Response, StatusCode, header};
use serde::Deserialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The lifetime of a token that the bridge signs.
const LIFETIME: Duration = Duration::from_mins(10);

/// A token is renewed when a fifth of its lifetime is left.
const RENEW: u32 = 5;

/// The pause after a refusal that does not say when to ask again. A wrong secret stays wrong, and
/// each attempt counts as a failed login.
const PAUSE: Duration = Duration::from_secs(30);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("cannot sign an access token: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
    #[error("cannot get an access token from /oauth/token: {0}")]
    Http(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why `/oauth/token` refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "/oauth/token refused the account {0:?} (401 invalid_client): its secret is wrong, or it does not exist or is \
         disabled"
    )]
    Client(String),
    #[error("/oauth/token refused the account {0:?}: it lacks the scope {1}")]
    Scope(String, &'static str),
    #[error("/oauth/token refused the account {0:?} after too many failed logins: it is asked again in {1:?}")]
    TooSoon(String, Duration),
    #[error("/oauth/token answered {0}")]
    Status(StatusCode),
}

/// The tokens of one account and scope.
pub(crate) struct Tokens {
    credentials: Credentials,
    scope: &'static str,
    endpoint: String,
    http: reqwest::Client,
    last: Mutex<Last>,
    /// Held while a token is requested, so that one request is made and all wait for its result.
    asking: tokio::sync::Mutex<()>,
}

/// The result of the last request.
#[derive(Clone, Default)]
enum Last {
    #[default]
    None,
    Token {
        token: String,
        renew_at: Instant,
    },
    Refused {
        refusal: Refusal,
        ask_at: Instant,
    },
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

/// An error response (RFC 6749 section 5.2).
#[derive(Default, Deserialize)]
struct Denied {
    error: Option<String>,
}

impl Tokens {
    /// Tokens with this scope. Those that the bridge signs have the scope as their subject.
    pub(crate) fn new(
        credentials: Credentials,
        scope: &'static str,
        components_url: &str,
        http: reqwest::Client,
    ) -> Self {
        let endpoint = format!("{components_url}/oauth/token");
        let (last, asking) = (Mutex::default(), tokio::sync::Mutex::new(()));
        Self { credentials, scope, endpoint, http, last, asking }
    }

    /// Returns a token that does not expire soon. After a refusal, the refusal is returned until it
    /// is time to ask again.
    pub(crate) async fn get(&self) -> Result<String, TokenError> {
        self.get_at(Instant::now()).await
    }

    async fn get_at(&self, now: Instant) -> Result<String, TokenError> {
        if let Some(known) = self.known(now) {
            return Ok(known?);
        }
        let _asking = self.asking.lock().await;
        // The request before this one may have got it.
        if let Some(known) = self.known(now) {
            return Ok(known?);
        }
        let (token, lifetime) = match &self.credentials {
            Credentials::Secret { secret, issuer, audience } => (sign(secret, issuer, audience, self.scope)?, LIFETIME),
            Credentials::Client { id, secret } => self.ask(id, secret, now).await?,
        };
        *self.last() = Last::Token { token: token.clone(), renew_at: now + lifetime / RENEW * (RENEW - 1) };
        Ok(token)
    }

    fn known(&self, now: Instant) -> Option<Result<String, Refusal>> {
        match &*self.last() {
            Last::Token { token, renew_at } if now < *renew_at => Some(Ok(token.clone())),
            Last::Refused { refusal, ask_at } if now < *ask_at => Some(Err(refusal.clone())),
            _ => None,
        }
    }

    /// Requests a token with client credentials (RFC 6749 sections 2.3.1 and 4.4).
    async fn ask(&self, id: &str, secret: &str, now: Instant) -> Result<(String, Duration), TokenError> {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = [("grant_type", "client_credentials"), ("scope", self.scope)];
        let request = self.http.post(&self.endpoint).basic_auth(encoded(id), Some(encoded(secret))).form(&form);
        let failed = |error| TokenError::Http(http_cause(error));
        let response = request.send().await.map_err(failed)?;
        if response.status().is_success() {
            let granted: Granted = response.json().await.map_err(failed)?;
            return Ok((granted.access_token, Duration::from_secs(granted.expires_in)));
        }
        let after = retry_after(&response);
        let pause = after.unwrap_or(PAUSE);
        let status = response.status();
        let error = response.json().await.unwrap_or(Denied::default()).error.unwrap_or_default();
        let refusal = match (status, error.as_str()) {
            (StatusCode::TOO_MANY_REQUESTS, _) => Refusal::TooSoon(id.to_owned(), pause),
            (_, "invalid_client") => Refusal::Client(id.to_owned()),
            (_, "invalid_scope") => Refusal::Scope(id.to_owned(), self.scope),
            _ => Refusal::Status(status),
        };
        // A server that fails may be back at once, and has counted no failed login.
        if after.is_some() || status.is_client_error() {
            *self.last() = Last::Refused { refusal: refusal.clone(), ask_at: now + pause };
        }
        Err(refusal.into())
    }

    /// Discards the cached token, because it was rejected.
    pub(crate) fn forget(&self) {
        let mut last = self.last();
        if matches!(*last, Last::Token { .. }) {
            *last = Last::None;
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the seconds of `Retry-After`.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    value.to_str().ok()?.parse().ok().map(Duration::from_secs)
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
