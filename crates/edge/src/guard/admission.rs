//! The admission check of one request: is its session revoked, and has its caller calls left?
//!
//! The cache returns facts; the decision is made and counted here.

use super::rate_limit_headers::{Policy, RateLimitHeaders};
use super::revocations::Revocations;
use crate::rate_limit::{Rate, RateLimitStatus};
use connectivity_domain::time::Timestamp;
use connectivity_runtime::metrics;
use connectivity_storage::cache::{Cache, GuardAnswer, GuardQuery, RateLimitHit, THROTTLE};
use connectivity_storage::database::DatabaseError;
use std::sync::Arc;

/// Checks requests against the state that all instances share. An instance keeps it: it holds
/// connections, never a request's data.
pub(super) struct AdmissionCheck {
    pub(super) component: &'static str,
    pub(super) cache: Arc<Cache>,
    pub(super) revocations: Revocations,
}

/// The request to check.
#[derive(Clone, Copy)]
pub(super) struct GuardRequest<'a> {
    /// The name that its decision is counted under.
    pub(super) route: &'static str,
    /// The session of its token; `None` without a token.
    pub(super) session: Option<&'a str>,
    /// Its rate limit, and the key of its caller; `None` if it has no rate limit.
    pub(super) limit: Option<(Policy, Rate, &'a str)>,
    /// How many calls of the rate limit it takes: all of them, or none.
    pub(super) calls: u64,
}

/// Why a request is refused.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// Its session is revoked.
    Revoked,
    /// Its caller has no calls left.
    RateLimited(Policy, RateLimitStatus),
    /// Neither the cache nor the database can tell whether its session is revoked.
    Unavailable,
}

impl From<DatabaseError> for Refusal {
    fn from(_: DatabaseError) -> Self {
        // The database has logged the cause.
        Self::Unavailable
    }
}

/// How a request was admitted.
enum Admission {
    /// Its calls were taken from its rate limit, if it has one.
    Counted(RateLimitHeaders),
    /// The cache is down, so no call was taken.
    Uncounted,
}

impl AdmissionCheck {
    /// Admits a request or refuses it, and counts the decision.
    ///
    /// While the cache is down, requests are admitted without a rate limit: their callers are
    /// authenticated, and an operator's work must not stop because a counter is unavailable.
    /// Whether a session is revoked is then asked of the database.
    pub(super) async fn check(&self, request: GuardRequest<'_>, now: Timestamp) -> Result<RateLimitHeaders, Refusal> {
        let decision = self.decide(request, now).await;
        let outcome = match &decision {
            Ok(Admission::Counted(_)) => Some("admitted"),
            Err(Refusal::Revoked) => Some("revoked"),
            Err(Refusal::RateLimited(..)) => Some("throttled"),
            Ok(Admission::Uncounted) | Err(Refusal::Unavailable) => None,
        };
        if let Some(outcome) = outcome {
            metrics::count(&metrics::GUARD, &[self.component, request.route, outcome]);
        }
        match decision? {
            Admission::Counted(headers) => Ok(headers),
            Admission::Uncounted => {
                metrics::count(&metrics::UNCOUNTED, &[self.component]);
                Ok(RateLimitHeaders::default())
            }
        }
    }

    async fn decide(&self, request: GuardRequest<'_>, now: Timestamp) -> Result<Admission, Refusal> {
        let limit = request.limit.map(|(policy, rate, caller)| {
            let (window, window_left) = rate.window_at(now);
            let key = format!("{THROTTLE}{}:{window}:{caller}", policy.name());
            (policy, rate, RateLimitHit { key, window_left, calls: request.calls, limit: rate.calls })
        });
        let hit = limit.as_ref().map(|(_, _, hit)| hit.clone());
        let mut query = GuardQuery { session: request.session, hit };
        if self.revocations.are_elsewhere()
            && let Some(session) = query.session.take()
        {
            refuse_if(self.revocations.is_revoked(session).await?)?;
        }
        let mut answer = self.cache.guard(&query, now).await;
        if let (Ok(GuardAnswer::Unknown { load }), Some(session)) = (&answer, query.session) {
            refuse_if(self.revocations.load(session, load.as_deref(), now).await?)?;
            query.session = None;
            answer = self.cache.guard(&query, now).await;
        }
        match answer {
            Ok(GuardAnswer::Revoked) => Err(Refusal::Revoked),
            Ok(GuardAnswer::Taken(taken)) => {
                let Some((policy, rate, hit)) = limit else {
                    return Ok(Admission::Counted(RateLimitHeaders::default()));
                };
                let status = rate.status(taken, hit.window_left).of_calls(hit.calls);
                if status.is_within() {
                    Ok(Admission::Counted(RateLimitHeaders::new(policy, status)))
                } else {
                    Err(Refusal::RateLimited(policy, status))
                }
            }
            Ok(GuardAnswer::Unknown { .. }) | Err(_) => {
                if let Some(session) = query.session {
                    refuse_if(self.revocations.is_revoked(session).await?)?;
                }
                Ok(Admission::Uncounted)
            }
        }
    }
}

fn refuse_if(is_revoked: bool) -> Result<(), Refusal> {
    if is_revoked { Err(Refusal::Revoked) } else { Ok(()) }
}
