//! Who may pass: the token, its scope, its session, and how often its subject has called.

mod address;
mod admission;
mod admitted;
mod bearer;
mod guarded;
mod recent;
mod revocation;
mod store;

pub use crate::cache::Revocation;
pub use address::{Networks, household};
pub use admitted::{Admitted, Allowance, RATE_LIMIT, RATE_LIMIT_POLICY};
pub use revocation::Revocations;

use crate::cache::Cache;
use crate::database::Database;
use crate::log::{self, Level};
use crate::metrics;
use crate::problem::Problem;
use crate::settings::GuardSettings;
use crate::throttle::Rate;
use crate::token::Verifier;
use admission::{AdmissionCheck, GuardRequest, Refusal};
use admitted::{Policy, too_often};
use bearer::{authenticate, invalid};
use connectivity_domain::time::Timestamp;
use http::HeaderMap;
use recent::Recent;
use std::net::IpAddr;
use std::sync::Arc;

/// A route as the guard sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    name: &'static str,
    scope: Option<&'static str>,
    throttled: bool,
}

impl Route {
    /// A route for tokens with this scope, as often as `throttle_user` says. Its requests are counted under the name.
    pub const fn new(name: &'static str, scope: &'static str) -> Self {
        Self { name, scope: Some(scope), throttled: true }
    }

    /// A route for tokens with whatever scope, as often as `throttle_user` says.
    pub const fn of_any_scope(name: &'static str) -> Self {
        Self { name, scope: None, throttled: true }
    }

    /// A route for tokens with this scope, which may call as often as they have to.
    pub const fn unthrottled(name: &'static str, scope: &'static str) -> Self {
        Self { name, scope: Some(scope), throttled: false }
    }
}

/// The guard of one component. Held by an instance: keys, settings and connections, no request's data.
pub struct Guard {
    component: &'static str,
    verifier: Verifier,
    trusted: Networks,
    shared: Option<SharedState>,
}

/// What the guard needs to look beyond the token.
struct SharedState {
    check: AdmissionCheck,
    user: Rate,
    anonymous: Rate,
    /// Used by the routes without a rate limit.
    recent: Recent,
}

impl Guard {
    /// The guard of the component of that name. Nothing is connected yet.
    pub fn new(
        component: &'static str,
        verifier: Verifier,
        settings: &GuardSettings,
        cache: Arc<Cache>,
        database: Arc<Database>,
    ) -> Self {
        let revocations = Revocations::new(Arc::clone(&cache), database);
        let (user, anonymous) = (settings.throttle_user, settings.throttle_anon);
        let check = AdmissionCheck { component, cache, revocations };
        let shared = SharedState { check, user, anonymous, recent: Recent::default() };
        Self { component, verifier, trusted: settings.trusted_proxies.clone(), shared: Some(shared) }
    }

    /// A guard that looks at tokens alone: nothing is counted, no session is looked up.
    pub fn tokens_only(verifier: Verifier) -> Self {
        Self { component: "", verifier, trusted: Networks::default(), shared: None }
    }

    /// Lets in a caller whose token holds, carries the route's scope, is of no revoked session, and has calls left.
    ///
    /// # Errors
    ///
    /// 401 and 403 with a challenge (RFC 6750 section 3), 429 with `Retry-After`, and 503 where it cannot be told.
    pub async fn admit(&self, route: Route, headers: &HeaderMap, now: Timestamp) -> Result<Admitted, Problem> {
        let authenticated = authenticate(headers, route.scope, &self.verifier, now).await;
        let Some(shared) = &self.shared else {
            return Ok(Admitted { caller: authenticated?, allowance: Allowance::default() });
        };
        let caller = authenticated.inspect_err(|_| self.count(route.name, "refused"))?;
        if !route.throttled && shared.recent.knows(&caller.session, now) {
            self.count(route.name, "admitted");
            return Ok(Admitted { caller, allowance: Allowance::default() });
        }
        let limit = route.throttled.then_some((Policy::User, shared.user, caller.subject.as_str()));
        let request = GuardRequest { route: route.name, session: Some(&caller.session), limit };
        let allowance =
            shared.check.check(request, now).await.map_err(|refusal| refused(refusal).by(&caller.subject))?;
        if !route.throttled {
            shared.recent.note(&caller.session, now);
        }
        Ok(Admitted { caller, allowance })
    }

    /// Lets in whoever has calls left at its address, as `throttle_anon` says. For routes without a token; `route` is
    /// what its requests are counted under.
    ///
    /// Without the cache everybody passes, and [`Allowance::remaining`] knows nothing.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After`.
    pub async fn anonymous(
        &self,
        route: &'static str,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Allowance, Problem> {
        let Some(shared) = &self.shared else {
            return Ok(Allowance::default());
        };
        let who = self.client(headers).map_or_else(|| "nobody".to_owned(), household);
        let limit = Some((Policy::Anonymous, shared.anonymous, who.as_str()));
        shared.check.check(GuardRequest { route, session: None, limit }, now).await.map_err(refused)
    }

    /// The address that a request comes from, as far as it can be known.
    pub fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        self.trusted.client(headers)
    }

    /// What the guard believes tokens by.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The revoked sessions; none for a guard that looks at tokens alone.
    pub fn revocations(&self) -> Option<&Revocations> {
        self.shared.as_ref().map(|shared| &shared.check.revocations)
    }

    /// Counts a decision that needed no admission check.
    fn count(&self, route: &str, outcome: &str) {
        metrics::count(&metrics::GUARD, &[self.component, route, outcome]);
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Revoked => {
            log::line(Level::Info, "token refused", &[("cause", "revoked".into())]);
            invalid("the access token is not valid or no longer valid: get a new one")
        }
        Refusal::RateLimited(policy, standing) => too_often(policy, standing),
        Refusal::Unavailable => Problem::storage_unavailable(),
    }
}
