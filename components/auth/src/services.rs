//! The services that the routes need, and what several routes do with them.

use crate::keys::{Signer, Token};
use crate::secrets::Argon;
use crate::seed::Entry;
use connectivity_domain::access::{
    Account, Accounts, Audit, Credentials, Event, FailedLogins, LoggedIn, Login, LoginError, LoginOrigin, LoginQueue,
    Scopes, Seeds, Session, Sessions, WrongSecrets, authenticate, log_in,
};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::registry::StoreError;
use connectivity_domain::time::Timestamp;
use connectivity_edge::guard::Guard;
use connectivity_edge::problem::Problem;
use connectivity_storage::cache::Revocation;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The store of these routes.
pub(crate) trait Records: Accounts + Sessions + Seeds + Audit + 'static {}

impl<S: Accounts + Sessions + Seeds + Audit + 'static> Records for S {}

/// What limits logins.
pub(crate) trait Limits: FailedLogins + LoginQueue + WrongSecrets + 'static {}

impl<F: FailedLogins + LoginQueue + WrongSecrets + 'static> Limits for F {}

/// The state that an instance keeps between requests. Without `Debug`, because it holds secrets.
pub(crate) struct AuthState {
    pub(crate) signer: Signer,
    pub(crate) argon: Argon,
    pub(crate) key_set: String,
    pub(crate) public_url: String,
    pub(crate) seeds: Vec<Entry>,
    /// Whether this instance has applied the entries of the variable `service_accounts`.
    pub(crate) seeded: AtomicBool,
}

/// The services that the routes need.
pub(crate) struct Services<S, F> {
    pub(crate) store: S,
    pub(crate) limits: F,
    pub(crate) guard: Arc<Guard>,
    pub(crate) state: AuthState,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) new_id: fn() -> String,
}

/// The tokens of a new session.
pub(crate) struct Granted {
    pub(crate) access: String,
    /// Empty if no refresh token was asked for.
    pub(crate) refresh: String,
    pub(crate) scopes: Scopes,
}

/// What the tokens of one login have in common.
pub(crate) struct Descent<'a> {
    pub(crate) session: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) scopes: &'a Scopes,
    /// The rate limit of the account, if it has one of its own.
    pub(crate) rate_limit: Option<&'a str>,
}

impl<S: Records, F: Limits> Services<S, F> {
    /// Logs in. The session gets a refresh token if `refresh` is set.
    pub(crate) async fn log_in(
        &self,
        origin: &LoginOrigin,
        credentials: Credentials<'_>,
        scopes: Option<Scopes>,
        refresh: bool,
    ) -> Result<Granted, LoginError> {
        self.seed_accounts(origin).await?;
        let (session, refresh_id) = ((self.new_id)(), refresh.then_some((self.new_id)()));
        let lifetimes = self.state.signer.lifetimes;
        let lifetime = if refresh { lifetimes.refresh } else { lifetimes.access }.min(lifetimes.session);
        let login = Login { credentials, scopes, session: &session, refresh_id: refresh_id.as_deref(), lifetime };
        let now = (self.now)();
        let started = log_in(&self.store, &self.state.argon, &self.limits, &login, origin, now).await?;
        let LoggedIn { session, scopes, rate_limit } = started;
        let (id, rate_limit) = (&session.id, rate_limit.as_deref());
        let descent = Descent { session: id, subject: &session.subject, scopes: &scopes, rate_limit };
        let access = self.access_token(&descent, now.plus(lifetimes.session), now);
        let refresh = refresh_id.map(|id| self.refresh_token(&descent, &id, session.expires_at, now));
        Ok(Granted { access, refresh: refresh.unwrap_or_default(), scopes })
    }

    /// Checks the name and the secret of a client that needs no session.
    pub(crate) async fn authenticate(
        &self,
        origin: &LoginOrigin,
        credentials: Credentials<'_>,
    ) -> Result<Account, LoginError> {
        self.seed_accounts(origin).await?;
        let now = (self.now)();
        let found = authenticate(&self.store, &self.state.argon, &self.limits, credentials, origin, now).await?;
        Ok(found.account)
    }

    /// Applies the entries of the variable `service_accounts` that are new, once per instance.
    async fn seed_accounts(&self, origin: &LoginOrigin) -> Result<(), StoreError> {
        if self.state.seeded.load(Ordering::Acquire) {
            return Ok(());
        }
        let applied = self.store.applied_seeds().await?;
        let is_new = |entry: &&Entry| applied.get(&entry.name).is_none_or(|version| *version < entry.version);
        for entry in self.state.seeds.iter().filter(is_new) {
            let (seed, now) = (entry.hashed(&self.state.argon), (self.now)());
            if let Some(ended) = self.store.apply_seed(&seed, &(self.new_id)(), now).await? {
                self.publish_revocations(&ended, now).await;
                self.store.note(Event::Seeded, seed.name.as_str(), origin, now).await?;
            }
        }
        self.state.seeded.store(true, Ordering::Release);
        Ok(())
    }

    /// Tells the guards of all components that sessions have ended.
    pub(crate) async fn publish_revocations(&self, ended: &[Session], now: Timestamp) {
        let ended: Vec<_> = (ended.iter())
            .map(|session| Revocation { session: session.id.clone(), until: session.expires_at })
            .collect();
        if let Some(revocations) = self.guard.revocations() {
            revocations.revoked(&ended, now).await;
        }
    }

    /// Signs an access token. It expires when its session ends, if that is sooner than
    /// `jwt_access_minutes` say.
    pub(crate) fn access_token(&self, of: &Descent<'_>, ends_at: Timestamp, now: Timestamp) -> String {
        let (id, lifetime) = ((self.new_id)(), self.state.signer.lifetimes.access);
        self.sign("access", of, &id, now.plus(lifetime).min(ends_at), now)
    }

    /// Signs a refresh token with this id.
    pub(crate) fn refresh_token(&self, of: &Descent<'_>, id: &str, expires_at: Timestamp, now: Timestamp) -> String {
        self.sign("refresh", of, id, expires_at, now)
    }

    fn sign(&self, kind: &'static str, of: &Descent<'_>, id: &str, expires_at: Timestamp, now: Timestamp) -> String {
        let Descent { session, subject, scopes, rate_limit } = *of;
        let token = Token { kind, id, session, subject, scopes, rate_limit, expires_at };
        // Signing cannot fail with a key that was read. An empty token would be refused everywhere.
        self.state.signer.sign(&token, now).unwrap_or_default()
    }
}

/// Returns the problem that a caller sees after a failed login.
pub(crate) fn refused(error: LoginError) -> Problem {
    match error {
        LoginError::Refused | LoginError::Scope => Problem::new(
            ProblemKind::InvalidCredentials,
            "the username or the password is wrong, or the account is disabled",
        ),
        LoginError::TooSoon(wait) => too_soon(wait),
        LoginError::Busy(wait) => busy(wait),
        LoginError::NotRecorded => Problem::storage_unavailable(),
    }
}

/// Returns the problem that a caller sees who has to wait after failed logins.
pub(crate) fn too_soon(wait: std::time::Duration) -> Problem {
    let detail = "too many failed logins: try again after the seconds in Retry-After";
    Problem::new(ProblemKind::TooManyRequests, detail).retry_after(wait)
}

/// Returns the problem that a caller sees if too many logins wait.
pub(crate) fn busy(wait: std::time::Duration) -> Problem {
    let detail = "too many logins at the moment: try again after the seconds in Retry-After";
    Problem::new(ProblemKind::TooManyRequests, detail).retry_after(wait)
}
