//! Another issuer, whose keys are fetched from `jwt_jwks_url` and kept.

use super::TokenError;
use super::jwks::{KeySet, PublicKey};
use crate::log::{self, Level};
use crate::runtime::semaphore::Semaphore;
use connectivity_domain::time::Timestamp;
use futures_util::future::BoxFuture;
use jsonwebtoken::Algorithm;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Kept keys are fetched anew after this long, so that withdrawn ones stop working.
const MAX_AGE: Duration = Duration::from_mins(10);

/// How often the issuer is asked for a key that it did not have, or while it is down with keys at hand.
const PAUSE: Duration = Duration::from_mins(1);

/// How often it is asked while there is no key at all.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Why the key set could not be fetched, for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// Fetches the key set's JSON.
pub type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<Vec<u8>, FetchError>> + Send + Sync>;

/// The issuer's name and keys. Held by an instance; no request's data.
pub struct Issuer {
    /// What `iss` must say.
    pub(super) name: String,
    fetch: Fetch,
    held: Mutex<Held>,
    /// One fetch at a time: whoever comes meanwhile waits for what it brings.
    fetching: Arc<Semaphore>,
}

#[derive(Default)]
struct Held {
    keys: Option<Arc<KeySet>>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl Held {
    /// Is it time to ask the issuer, given whether the key that is looked for is here?
    fn is_due(&self, found: bool, now: Timestamp) -> bool {
        let since = |time: Option<Timestamp>, pause| time.is_none_or(|time| now >= time.plus(pause));
        let wanted = !found || since(self.fetched_at, MAX_AGE);
        let pause = if self.keys.is_some() { PAUSE } else { FIRST_PAUSE };
        wanted && since(self.tried_at, pause)
    }

    fn find(&self, id: &str, algorithm: Algorithm) -> Option<PublicKey> {
        self.keys.as_ref().and_then(|keys| keys.find(id, algorithm)).cloned()
    }
}

impl Issuer {
    /// An issuer of that name, whose keys `fetch` brings.
    pub fn new(name: String, fetch: Fetch) -> Self {
        Self { name, fetch, held: Mutex::default(), fetching: Semaphore::new(1) }
    }

    /// The key of that id and algorithm. Kept keys go on while the issuer is down.
    ///
    /// # Errors
    ///
    /// [`TokenError::UnknownKey`]: the issuer has none. [`TokenError::NoKeys`]: it has not been reached so far.
    pub(super) async fn key(&self, id: &str, algorithm: Algorithm, now: Timestamp) -> Result<PublicKey, TokenError> {
        let found = self.held().find(id, algorithm);
        if !self.held().is_due(found.is_some(), now) {
            return self.outcome(found);
        }
        let _permit = self.fetching.acquire().await;
        let found = self.held().find(id, algorithm);
        // The one before may have fetched it.
        if self.held().is_due(found.is_some(), now) {
            self.refresh(now).await;
        }
        let found = self.held().find(id, algorithm);
        self.outcome(found)
    }

    async fn refresh(&self, now: Timestamp) {
        let fetched = (self.fetch)().await;
        // Only now: whoever comes during a fetch waits for what it brings.
        self.held().tried_at = Some(now);
        match fetched.and_then(|bytes| KeySet::parse(&bytes).map_err(|error| FetchError(error.to_string()))) {
            Ok(keys) => {
                let mut held = self.held();
                held.keys = Some(Arc::new(keys));
                held.fetched_at = Some(now);
            }
            Err(error) => log::line(Level::Warn, "jwks", &[("cause", error.to_string().into())]),
        }
    }

    fn outcome(&self, found: Option<PublicKey>) -> Result<PublicKey, TokenError> {
        let missing = if self.held().keys.is_some() { TokenError::UnknownKey } else { TokenError::NoKeys };
        found.ok_or(missing)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// An issuer that publishes one key, of this id, unless it is down.
    #[derive(Default)]
    struct Published {
        id: Mutex<Option<&'static str>>,
        asked: AtomicUsize,
    }

    fn issuer(published: &Arc<Published>) -> Issuer {
        let published = Arc::clone(published);
        let fetch = move || {
            published.asked.fetch_add(1, Ordering::Relaxed);
            let id = *published.id.lock().expect("an id");
            let set = id.map(|id| {
                let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
                json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x}]}).to_string().into_bytes()
            });
            let set = set.ok_or(FetchError("down".into()));
            Box::pin(async move {
                tokio::task::yield_now().await;
                set
            }) as BoxFuture<'static, _>
        };
        Issuer::new("issuer".into(), Box::new(fetch))
    }

    async fn key(issuer: &Issuer, id: &str, second: i64) -> Result<(), TokenError> {
        let now = Timestamp::from_micros(second * 1_000_000);
        issuer.key(id, Algorithm::EdDSA, now).await.map(|_| ())
    }

    #[tokio::test]
    async fn keys_are_fetched_once_and_an_unknown_one_asked_for_once_a_minute() {
        let published = Arc::new(Published::default());
        *published.id.lock().expect("an id") = Some("a");
        let issuer = issuer(&published);
        let all = futures_util::future::join_all((0..10).map(|_| key(&issuer, "a", 0))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(published.asked.load(Ordering::Relaxed), 1, "ten at once fetch once");
        *published.id.lock().expect("an id") = Some("b");
        assert_eq!(key(&issuer, "b", 59).await, Err(TokenError::UnknownKey));
        assert_eq!(key(&issuer, "b", 60).await, Ok(()));
        assert_eq!(key(&issuer, "a", 61).await, Err(TokenError::UnknownKey), "withdrawn");
        assert_eq!(published.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn kept_keys_go_on_while_the_issuer_is_down_and_grow_old() {
        let published = Arc::new(Published::default());
        let issuer = issuer(&published);
        assert_eq!(key(&issuer, "a", 0).await, Err(TokenError::NoKeys));
        assert_eq!(key(&issuer, "a", 0).await, Err(TokenError::NoKeys));
        assert_eq!(published.asked.load(Ordering::Relaxed), 1, "not asked again at once");
        *published.id.lock().expect("an id") = Some("a");
        assert_eq!(key(&issuer, "a", 1).await, Ok(()));
        *published.id.lock().expect("an id") = None;
        assert_eq!(key(&issuer, "a", 601).await, Ok(()), "old and asked for, but better than none");
        assert_eq!(key(&issuer, "a", 602).await, Ok(()));
        assert_eq!(published.asked.load(Ordering::Relaxed), 3);
        *published.id.lock().expect("an id") = Some("b");
        assert_eq!(key(&issuer, "a", 700).await, Err(TokenError::UnknownKey));
    }
}
