//! Another issuer, whose keys are fetched from `jwt_jwks_url` and cached.

use super::error::TokenError;
use super::jwks::{KeySet, PublicKey};
use connectivity_domain::access::Scopes;
use connectivity_domain::time::Timestamp;
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::semaphore::Semaphore;
use futures_util::future::BoxFuture;
use jsonwebtoken::Algorithm;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The age at which cached keys are fetched again, so that withdrawn ones stop working.
const MAX_AGE: Duration = Duration::from_mins(10);

/// The pause between two fetches while keys are cached: for a key that the issuer did not have, or
/// while it is down.
const PAUSE: Duration = Duration::from_mins(1);

/// The pause between two fetches while no key is cached.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Why the key set could not be fetched, for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct FetchError(pub(super) String);

/// Fetches the key set's JSON.
pub(super) type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<Vec<u8>, FetchError>> + Send + Sync>;

/// The issuer's name and keys. An instance keeps them: they are not a request's data.
pub(super) struct Issuer {
    /// The value of `iss` in its tokens.
    pub(super) name: String,
    /// The scopes that its tokens may have.
    pub(super) scopes: Scopes,
    fetch: Fetch,
    held: Mutex<Held>,
    /// Allows one fetch at a time. Requests that come meanwhile wait for its result.
    fetching: Arc<Semaphore>,
}

#[derive(Default)]
struct Held {
    keys: Option<Arc<KeySet>>,
    /// Counts the fetches, so that tokens that were verified with other keys are verified again.
    version: u64,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl Held {
    /// Returns whether the keys have to be fetched. `found` says whether the requested key is
    /// cached.
    fn is_due(&self, found: bool, now: Timestamp) -> bool {
        let since = |time: Option<Timestamp>, pause| time.is_none_or(|time| now >= time.plus(pause));
        let wanted = !found || since(self.fetched_at, MAX_AGE);
        let pause = if self.keys.is_some() { PAUSE } else { FIRST_PAUSE };
        wanted && since(self.tried_at, pause)
    }

    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<PublicKey> {
        self.keys.as_ref().map(|keys| keys.find(id, algorithm)).unwrap_or_default()
    }
}

impl Issuer {
    /// Creates an issuer of that name.
    pub(super) fn new(name: String, scopes: Scopes, fetch: Fetch) -> Self {
        Self { name, scopes, fetch, held: Mutex::default(), fetching: Semaphore::new(1) }
    }

    /// Returns the keys for a token with this id and algorithm, at least one. Cached keys stay valid
    /// while the issuer is down.
    ///
    /// # Errors
    ///
    /// [`TokenError::UnknownKey`] if the issuer has no such key, [`TokenError::NoKeys`] if its keys
    /// have not been fetched yet.
    pub(super) async fn keys(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Vec<PublicKey>, TokenError> {
        self.fetch_if_due(|held| !held.find(id, algorithm).is_empty(), now).await;
        let found = self.held().find(id, algorithm);
        let missing = if self.held().keys.is_some() { TokenError::UnknownKey } else { TokenError::NoKeys };
        if found.is_empty() { Err(missing) } else { Ok(found) }
    }

    /// Returns the version of the keys. It changes when they are fetched, which this does if they are
    /// too old.
    pub(super) async fn version(&self, now: Timestamp) -> u64 {
        self.fetch_if_due(|held| held.keys.is_some(), now).await;
        self.held().version
    }

    async fn fetch_if_due(&self, found: impl Fn(&Held) -> bool, now: Timestamp) {
        let is_due = || {
            let held = self.held();
            held.is_due(found(&held), now)
        };
        if !is_due() {
            return;
        }
        let _permit = self.fetching.acquire().await;
        // The request before this one may have fetched them.
        if is_due() {
            self.refresh(now).await;
        }
    }

    async fn refresh(&self, now: Timestamp) {
        let fetched = (self.fetch)().await;
        // Set only now, so that requests that come during the fetch wait for its result.
        self.held().tried_at = Some(now);
        match fetched.and_then(|bytes| KeySet::parse(&bytes).map_err(|error| FetchError(error.to_string()))) {
            Ok(keys) => {
                let mut held = self.held();
                held.keys = Some(Arc::new(keys));
                held.version += 1;
                held.fetched_at = Some(now);
            }
            Err(error) => log::line(Level::Warn, "jwks", &[("cause", error.to_string().into())]),
        }
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

    /// An issuer that publishes one key with this id, or is down.
    #[derive(Default)]
    struct Published {
        id: Mutex<Option<&'static str>>,
        fetches: AtomicUsize,
    }

    fn issuer(published: &Arc<Published>) -> Issuer {
        let published = Arc::clone(published);
        let fetch = move || {
            published.fetches.fetch_add(1, Ordering::Relaxed);
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
        Issuer::new("issuer".into(), Scopes::default(), Box::new(fetch))
    }

    async fn key(issuer: &Issuer, id: &str, second: i64) -> Result<(), TokenError> {
        let now = Timestamp::from_micros(second * 1_000_000);
        issuer.keys(Some(id), Algorithm::EdDSA, now).await.map(|_| ())
    }

    #[tokio::test]
    async fn keys_are_fetched_once_and_again_at_most_once_a_minute() {
        let published = Arc::new(Published::default());
        *published.id.lock().expect("an id") = Some("a");
        let issuer = issuer(&published);
        let all = futures_util::future::join_all((0..10).map(|_| key(&issuer, "a", 0))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(published.fetches.load(Ordering::Relaxed), 1, "concurrent requests fetch once");
        *published.id.lock().expect("an id") = Some("b");
        assert_eq!(key(&issuer, "b", 59).await, Err(TokenError::UnknownKey));
        assert_eq!(key(&issuer, "b", 60).await, Ok(()));
        assert_eq!(key(&issuer, "a", 61).await, Err(TokenError::UnknownKey), "withdrawn");
        assert_eq!(published.fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn cached_keys_stay_valid_while_the_issuer_is_down() {
        let published = Arc::new(Published::default());
        let issuer = issuer(&published);
        assert_eq!(key(&issuer, "a", 0).await, Err(TokenError::NoKeys));
        assert_eq!(key(&issuer, "a", 0).await, Err(TokenError::NoKeys));
        assert_eq!(published.fetches.load(Ordering::Relaxed), 1, "not fetched again at once");
        *published.id.lock().expect("an id") = Some("a");
        assert_eq!(key(&issuer, "a", 1).await, Ok(()));
        *published.id.lock().expect("an id") = None;
        assert_eq!(key(&issuer, "a", 601).await, Ok(()), "too old, but the issuer is down");
        assert_eq!(key(&issuer, "a", 602).await, Ok(()));
        assert_eq!(published.fetches.load(Ordering::Relaxed), 3);
        *published.id.lock().expect("an id") = Some("b");
        assert_eq!(key(&issuer, "a", 700).await, Err(TokenError::UnknownKey));
    }
}
