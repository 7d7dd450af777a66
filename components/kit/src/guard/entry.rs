//! One request at the door: is its session revoked, and has its caller calls left?

use super::admitted::{Allowance, Policy};
use super::revocation::Revocations;
use crate::cache::{Cache, Seen, Session, Take, Visit};
use crate::database::DatabaseError;
use crate::metrics;
use crate::throttle::{Rate, Standing};
use connectivity_domain::time::Timestamp;
use std::sync::Arc;

/// What all instances know together. Held by an instance; no request's data.
pub(super) struct Entrance {
    pub(super) component: &'static str,
    pub(super) cache: Arc<Cache>,
    pub(super) revocations: Revocations,
}

/// Who stands at the door.
pub(super) struct Visitor<'a> {
    /// What the names of its counters begin with.
    pub(super) counter: String,
    /// The session of its token; none: it has no token.
    pub(super) session: Option<&'a str>,
    /// The throttle, and who it is to it; none: it may come as often as it likes.
    pub(super) throttle: Option<(Policy, Rate, &'a str)>,
}

/// Why a visitor is not let in.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// Its session has been revoked.
    Revoked,
    /// It has no calls left.
    TooOften(Policy, Standing),
    /// Neither the cache nor the database can say whether its session has been revoked.
    CannotTell,
}

impl From<DatabaseError> for Refusal {
    fn from(_: DatabaseError) -> Self {
        // The database has logged it.
        Self::CannotTell
    }
}

impl Entrance {
    /// Lets a visitor in, counted once.
    ///
    /// Without the cache visitors pass uncounted, with a warning in the log: they are authenticated, and an operator's
    /// work does not stop because a counter is away. Whether a session has been revoked is then asked of the database.
    pub(super) async fn enter(&self, visitor: &Visitor<'_>, now: Timestamp) -> Result<Allowance, Refusal> {
        let throttle = visitor.throttle.map(|(policy, rate, who)| {
            let (window, left) = rate.window_at(now);
            let key = format!("connectivity:throttle:{}:{window}:{who}", policy.name());
            (policy, rate, Take { key, limit: rate.calls, keep: left })
        });
        let mut judged = match visitor.session {
            None => Some(false),
            Some(session) if self.revocations.are_elsewhere() => Some(self.revocations.is_revoked(session).await?),
            Some(_) => None,
        };
        let mut visit = Visit {
            session: session(visitor, judged),
            take: throttle.as_ref().map(|(_, _, take)| take.clone()),
            counter: &visitor.counter,
        };
        let mut seen = self.cache.visit(&visit, now).await;
        if let (Ok(Seen::Unknown { load }), Some(session_id)) = (&seen, visitor.session) {
            judged = Some(self.revocations.load(session_id, load.as_deref(), now).await?);
            visit.session = session(visitor, judged);
            seen = self.cache.visit(&visit, now).await;
        }
        match (seen, throttle) {
            (Ok(Seen::Revoked), _) => Err(Refusal::Revoked),
            (Ok(Seen::Taken(_)), None) => Ok(Allowance::default()),
            (Ok(Seen::Taken(taken)), Some((policy, rate, take))) => {
                let standing = rate.standing(taken, take.keep);
                if standing.passes() {
                    Ok(Allowance::of(policy, standing))
                } else {
                    Err(Refusal::TooOften(policy, standing))
                }
            }
            (Ok(Seen::Unknown { .. }) | Err(_), _) => {
                let revoked = match (judged, visitor.session) {
                    (Some(judged), _) => judged,
                    (None, Some(session)) => self.revocations.is_revoked(session).await?,
                    (None, None) => false,
                };
                if revoked {
                    return Err(Refusal::Revoked);
                }
                metrics::count(&metrics::UNCOUNTED, &[self.component]);
                Ok(Allowance::default())
            }
        }
    }
}

fn session<'a>(visitor: &Visitor<'a>, judged: Option<bool>) -> Session<'a> {
    match (judged, visitor.session) {
        (None, Some(session)) => Session::Named(session),
        (judged, _) => Session::Judged { revoked: judged.unwrap_or(false) },
    }
}
