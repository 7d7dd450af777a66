//! What the routes need to answer one request, and what they have in common.

use crate::keys::{Signer, Token};
use crate::secrets::Argon;
use crate::seed::Seed;
use connectivity_domain::access::{Accounts, Audit, FailedLogins, LoginError, LoginOrigin, Scopes, Session, Sessions};
use connectivity_domain::access::{Login, log_in};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::registry::StoreError;
use connectivity_domain::time::Timestamp;
use connectivity_kit::guard::{Guard, Revocation};
use connectivity_kit::problem::Problem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Everything that the store of these routes does.
pub(crate) trait Records: Accounts + Sessions + Audit + 'static {}

impl<S: Accounts + Sessions + Audit + 'static> Records for S {}

/// What an instance keeps between requests. Holds secrets: no `Debug`.
pub(crate) struct Keeper {
    pub(crate) signer: Signer,
    pub(crate) argon: Argon,
    pub(crate) key_set: String,
    pub(crate) public_url: String,
    pub(crate) seeds: Vec<Seed>,
    /// The accounts of the variable are there.
    pub(crate) planted: AtomicBool,
}

/// What the routes need to answer one request.
pub(crate) struct Services<S, F> {
    pub(crate) store: S,
    pub(crate) failed: F,
    pub(crate) guard: Arc<Guard>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) origin: LoginOrigin,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) new_id: fn() -> String,
}

/// A session and the tokens that it begins with.
pub(crate) struct Granted {
    pub(crate) access: String,
    /// Empty where none was asked for.
    pub(crate) refresh: String,
    pub(crate) scopes: Scopes,
}

impl<S: Records, F: FailedLogins + 'static> Services<S, F> {
    /// Logs in; with `refresh`, for a session that can be prolonged.
    pub(crate) async fn log_in(
        &self,
        name: &str,
        secret: &str,
        scopes: Option<Scopes>,
        refresh: bool,
    ) -> Result<Granted, LoginError> {
        self.plant().await?;
        let (session, refresh_id) = ((self.new_id)(), refresh.then_some((self.new_id)()));
        let lifetimes = self.keeper.signer.lifetimes;
        let lifetime = if refresh { lifetimes.refresh } else { lifetimes.access };
        let login = Login { name, secret, scopes, session: &session, refresh_id: refresh_id.as_deref(), lifetime };
        let now = (self.now)();
        let (session, scopes) =
            log_in(&self.store, &self.keeper.argon, &self.failed, &login, &self.origin, now).await?;
        let refresh = refresh_id.map(|id| self.refresh_token(&session.id, &session.subject, &id, &scopes, now));
        let access = self.access_token(&session.id, &session.subject, &scopes, now);
        Ok(Granted { access, refresh: refresh.unwrap_or_default(), scopes })
    }

    /// Makes the accounts of the variable `service_accounts`, once per instance.
    async fn plant(&self) -> Result<(), StoreError> {
        if self.keeper.planted.load(Ordering::Acquire) {
            return Ok(());
        }
        let now = (self.now)();
        for seed in &self.keeper.seeds {
            let ended = seed.plant(&self.store, &self.keeper.argon, &self.origin, now).await?;
            self.forget(&ended, now).await;
        }
        self.keeper.planted.store(true, Ordering::Release);
        Ok(())
    }

    /// Tells the guards of all components that these sessions have ended.
    pub(crate) async fn forget(&self, ended: &[Session], now: Timestamp) {
        let ended: Vec<_> = (ended.iter())
            .map(|session| Revocation { session: session.id.clone(), until: session.expires_at })
            .collect();
        if let Some(revocations) = self.guard.revocations() {
            revocations.revoked(&ended, now).await;
        }
    }

    pub(crate) fn access_token(&self, session: &str, subject: &str, scopes: &Scopes, now: Timestamp) -> String {
        let (id, lifetime) = ((self.new_id)(), self.keeper.signer.lifetimes.access);
        self.sign(&Token { kind: "access", id: &id, session, subject, scopes, lifetime }, now)
    }

    pub(crate) fn refresh_token(
        &self,
        session: &str,
        subject: &str,
        id: &str,
        scopes: &Scopes,
        now: Timestamp,
    ) -> String {
        let lifetime = self.keeper.signer.lifetimes.refresh;
        self.sign(&Token { kind: "refresh", id, session, subject, scopes, lifetime }, now)
    }

    fn sign(&self, token: &Token<'_>, now: Timestamp) -> String {
        // A key that was read signs. A token that is empty would be refused everywhere.
        self.keeper.signer.sign(token, now).unwrap_or_default()
    }
}

/// What the caller hears of a login that failed.
pub(crate) fn refused(error: LoginError) -> Problem {
    match error {
        LoginError::Refused | LoginError::Scope => {
            Problem::new(ProblemKind::InvalidCredentials, "no active account has this username and password")
        }
        LoginError::TooSoon(wait) => too_soon(wait),
        LoginError::NotRecorded => Problem::storage_unavailable(),
    }
}

/// What the caller hears who comes too soon after logins that failed.
pub(crate) fn too_soon(wait: std::time::Duration) -> Problem {
    let detail = "too many failed logins: wait as long as Retry-After says, then try again";
    Problem::new(ProblemKind::TooManyRequests, detail).retry_after(wait)
}
