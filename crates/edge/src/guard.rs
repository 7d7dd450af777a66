//! The guard: it admits a request by its access token, the token's scope, its session, and its
//! caller's rate limit.

mod admission;
mod admitted;
mod bearer;
mod guarded;
mod networks;
mod rate_limit_headers;
mod recent_session;
mod refusals;
mod revocations;
mod route;
mod settings;
mod store;

pub use admitted::Admitted;
pub use networks::Networks;
pub use rate_limit_headers::{RATE_LIMIT, RATE_LIMIT_POLICY, RateLimitHeaders};
pub use revocations::Revocations;
pub use route::Route;
pub use settings::GuardSettings;

use crate::audit::client_address;
use crate::problem::Problem;
use crate::rate_limit::{AccountRate, Rate};
use crate::token::{Caller, TokenError, Verifier};
use admission::{AdmissionCheck, GuardRequest, Refusal};
use bearer::{authenticate, invalid_token, log_refusal};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_runtime::metrics;
use connectivity_storage::audit::SqlAuditLog;
use connectivity_storage::cache::Cache;
use connectivity_storage::database::Database;
use http::HeaderMap;
use rate_limit_headers::{Policy, too_many_requests};
use recent_session::RecentSession;
use refusals::Refusals;
use std::net::IpAddr;
use std::sync::Arc;

/// The guard of one component. An instance keeps it: it holds keys, settings and connections, never
/// a request's data.
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
    refusals: Refusals,
    /// Used by the routes and the accounts without a rate limit.
    recent: RecentSession,
}

impl Guard {
    /// Creates the guard of the component of that name. Nothing is connected yet.
    pub fn new(
        component: &'static str,
        verifier: Verifier,
        settings: &GuardSettings,
        cache: Arc<Cache>,
        database: Arc<Database>,
    ) -> Self {
        let refusals = Refusals::new(SqlAuditLog::new(Arc::clone(&database)));
        let revocations = Revocations::new(Arc::clone(&cache), database);
        let (user, anonymous) = (settings.throttle_user, settings.throttle_anon);
        let check = AdmissionCheck { component, cache, revocations };
        let shared = SharedState { check, user, anonymous, refusals, recent: RecentSession::default() };
        Self { component, verifier, trusted: settings.trusted_proxies.clone(), shared: Some(shared) }
    }

    /// Creates a guard that checks access tokens only: it looks up no session and counts nothing.
    pub fn tokens_only(verifier: Verifier) -> Self {
        Self { component: "", verifier, trusted: Networks::default(), shared: None }
    }

    /// Admits a request whose access token is valid and carries the route's scope, whose session is
    /// not revoked, and whose caller has calls left.
    ///
    /// # Errors
    ///
    /// 401 and 403 with a challenge (RFC 6750 section 3), 429 with `Retry-After`, and 503 if the
    /// keys of the token's issuer or the revoked sessions cannot be reached. 401 and 403 are noted in
    /// the audit log.
    pub async fn admit(&self, route: Route, headers: &HeaderMap, now: Timestamp) -> Result<Admitted, Problem> {
        let caller = self.authenticate(route, headers, now).await?;
        self.admit_calls(route, headers, caller, 1, now).await
    }

    /// Returns the caller of a request whose access token is valid and carries the route's scope. The
    /// request is admitted by [`Guard::admit_calls`].
    async fn authenticate(&self, route: Route, headers: &HeaderMap, now: Timestamp) -> Result<Caller, Problem> {
        let authenticated = authenticate(headers, route.scope, &self.verifier, now).await;
        authenticated.inspect_err(|problem| {
            if self.shared.is_some() {
                self.count(route.name, "refused");
            }
            self.note_refusal(route, headers, problem, now);
        })
    }

    /// Admits a request of this caller that counts as `calls` calls of the rate limit, if all of them
    /// are left.
    async fn admit_calls(
        &self,
        route: Route,
        headers: &HeaderMap,
        caller: Caller,
        calls: u64,
        now: Timestamp,
    ) -> Result<Admitted, Problem> {
        let Some(shared) = &self.shared else {
            return Ok(Admitted { caller, rate_limit: RateLimitHeaders::default() });
        };
        let rate = rate(route, caller.rate_limit, shared.user);
        if rate.is_none() && shared.recent.contains(&caller.session, now) {
            self.count(route.name, "admitted");
            return Ok(Admitted { caller, rate_limit: RateLimitHeaders::default() });
        }
        let limit = rate.map(|rate| (Policy::User, rate, caller.subject.as_str()));
        let request = GuardRequest { route: route.name, session: Some(&caller.session), limit, calls };
        let checked = shared.check.check(request, now).await;
        let checked = checked.map_err(|refusal| problem(refusal).by(&caller.subject));
        let rate_limit = checked.inspect_err(|problem| self.note_refusal(route, headers, problem, now))?;
        if rate.is_none() {
            shared.recent.remember(&caller.session, now);
        }
        Ok(Admitted { caller, rate_limit })
    }

    /// Admits a request without a token whose address has calls left (`throttle_anon`). `route` is
    /// the name under which its requests are counted. While the cache is down, all are admitted.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After`.
    pub async fn admit_anonymous(
        &self,
        route: &'static str,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<RateLimitHeaders, Problem> {
        let Some(shared) = &self.shared else {
            return Ok(RateLimitHeaders::default());
        };
        // Requests from an unknown address share one counter.
        let key = client_address(self.client(headers));
        let limit = Some((Policy::Anonymous, shared.anonymous, key.as_str()));
        shared.check.check(GuardRequest { route, session: None, limit, calls: 1 }, now).await.map_err(problem)
    }

    /// Returns the address that a request comes from, if it is known.
    pub fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        self.trusted.client(headers)
    }

    /// Returns the verifier of access tokens.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Returns the revoked sessions; `None` for a guard that checks access tokens only.
    pub fn revocations(&self) -> Option<&Revocations> {
        self.shared.as_ref().map(|shared| &shared.check.revocations)
    }

    fn note_refusal(&self, route: Route, headers: &HeaderMap, problem: &Problem, now: Timestamp) {
        let is_noted = [ProblemKind::Unauthenticated, ProblemKind::InvalidToken, ProblemKind::Forbidden];
        if let Some(shared) = self.shared.as_ref().filter(|_| is_noted.contains(&problem.kind())) {
            let (target, status) = (format!("{} {}", self.component, route.name), problem.kind().status());
            let (subject, client) = (problem.subject(), self.client(headers));
            shared.refusals.note(refusals::Refusal { target, subject, client, status }, now);
        }
    }

    /// Counts a decision that needed no admission check.
    fn count(&self, route: &str, outcome: &str) {
        metrics::count(&metrics::GUARD, &[self.component, route, outcome]);
    }
}

/// Returns the rate limit of a request: that of the account, or the default. `None` if the route or
/// the account has none.
fn rate(route: Route, own: Option<AccountRate>, default: Rate) -> Option<Rate> {
    if route.has_rate_limit { own.map_or(Some(default), AccountRate::rate) } else { None }
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Revoked => {
            log_refusal(TokenError::Revoked);
            invalid_token(TokenError::Revoked)
        }
        Refusal::RateLimited(policy, status) => too_many_requests(policy, status),
        Refusal::Unavailable => Problem::storage_unavailable(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_may_have_a_rate_limit_of_its_own() {
        let (limited, bridge) = (Route::new("check", "affiliation"), Route::without_rate_limit("outbox", "bridge"));
        let default = Rate::parse("1000/hour").expect("a rate");
        let own = AccountRate::parse("5/minute");
        assert_eq!(rate(limited, None, default), Some(default));
        assert_eq!(rate(limited, own, default), Rate::parse("5/minute"));
        assert_eq!(rate(limited, Some(AccountRate::Off), default), None);
        assert_eq!(rate(bridge, own, default), None);
    }
}
