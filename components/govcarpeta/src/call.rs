//! A whole call: tries, the pauses between them, the breaker around them.

use crate::breaker::{Breaker, Permission};
use crate::exchange::{self, Question};
use crate::settings::Settings;
use connectivity_domain::backoff::{Backoff, Step, next_step};
use connectivity_domain::http_registry::{
    CitizenAnswer, DocumentAnswer, Exchange, read_citizen_answer, read_document_answer,
};
use connectivity_domain::verdict::Cause;
use connectivity_kit::log::{self, Level};
use connectivity_kit::runtime;
use http::Method;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The pauses between tries: 100 ms, growing to 2 s, with jitter so that callers do not come back together.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// When to try a registry again that did not say when itself.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// When to try again while an operator has to mend the settings.
const MISCONFIGURED: Duration = Duration::from_mins(1);

/// W3C trace context, passed on to the registry.
pub(crate) struct Trace {
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<String>,
}

/// Why there is none, after the last try.
pub(crate) struct NoVerdict {
    pub(crate) cause: Cause,
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Duration,
    pub(crate) attempts: u32,
}

/// How a call ended.
pub(crate) enum Outcome<A> {
    /// With an answer that another try would not change.
    Final(A),
    /// Without one.
    None(NoVerdict),
}

/// What all kinds of answers have in common: some say "later".
trait Answer: Sized {
    fn read(exchange: Exchange) -> Self;
    fn later(&self) -> Option<(Cause, Option<u16>, Option<Duration>)>;
}

impl Answer for CitizenAnswer {
    fn read(exchange: Exchange) -> Self {
        read_citizen_answer(exchange)
    }

    fn later(&self) -> Option<(Cause, Option<u16>, Option<Duration>)> {
        match self {
            Self::Later { cause, status, retry_after } => Some((*cause, *status, *retry_after)),
            Self::None(_) | Self::Affiliated(_) | Self::Refused(_) | Self::Nonsense(_) => None,
        }
    }
}

impl Answer for DocumentAnswer {
    fn read(exchange: Exchange) -> Self {
        read_document_answer(exchange)
    }

    fn later(&self) -> Option<(Cause, Option<u16>, Option<Duration>)> {
        match self {
            Self::Later { cause, status, retry_after } => Some((*cause, *status, *retry_after)),
            Self::Authenticated(_) | Self::Rejected(_) | Self::Nonsense(_) => None,
        }
    }
}

/// Asks whether a citizen is affiliated.
pub(crate) async fn check(citizen_id: &str, trace: &Trace) -> Outcome<CitizenAnswer> {
    let path = format!("/apis/validateCitizen/{citizen_id}");
    ask(Question { method: Method::GET, path, body: None }, trace).await
}

/// Asks whether a document is authentic.
pub(crate) async fn authenticate(citizen_id: &str, url: &str, title: &str, trace: &Trace) -> Outcome<DocumentAnswer> {
    let citizen: serde_json::Value = citizen_id.parse::<u64>().map_or_else(|_| citizen_id.into(), Into::into);
    let body = serde_json::json!({"idCitizen": citizen, "UrlDocument": url, "documentTitle": title}).to_string();
    ask(Question { method: Method::PUT, path: "/apis/authenticateDocument".into(), body: Some(body) }, trace).await
}

/// Are the settings right? The log says what is wrong with them.
pub(crate) async fn is_configured() -> bool {
    instance().await.is_some()
}

/// Settings and breaker of this instance. No request's data.
struct Instance {
    settings: Settings,
    breaker: Breaker,
}

static INSTANCE: OnceLock<Instance> = OnceLock::new();

async fn instance() -> Option<&'static Instance> {
    if let Some(instance) = INSTANCE.get() {
        return Some(instance);
    }
    match Settings::of_host().await {
        Ok(settings) => {
            let breaker = Breaker::new(&settings.cache);
            Some(INSTANCE.get_or_init(|| Instance { settings, breaker }))
        }
        Err(problems) => {
            log::line(Level::Error, "settings", &[("cause", problems.to_string().into())]);
            None
        }
    }
}

async fn ask<A: Answer>(question: Question, trace: &Trace) -> Outcome<A> {
    let none = |cause, retry_after| Outcome::None(NoVerdict { cause, status: None, retry_after, attempts: 0 });
    let Some(Instance { settings, breaker }) = instance().await else {
        return none(Cause::Misconfigured, MISCONFIGURED);
    };
    let permission = match breaker.permit().await {
        Ok(permission) => permission,
        Err(retry_after) => return none(Cause::BreakerOpen, retry_after),
    };
    attempts(settings, breaker, permission, &question, trace).await
}

async fn attempts<A: Answer>(
    settings: &Settings,
    breaker: &Breaker,
    permission: Permission,
    question: &Question,
    trace: &Trace,
) -> Outcome<A> {
    let started = Instant::now();
    // A probe of a registry that was down is one try: the rest of its callers wait for what it finds.
    let most = if permission == Permission::Probe { 1 } else { settings.attempts };
    let mut attempt = 1;
    loop {
        let left = settings.call_timeout().saturating_sub(started.elapsed());
        let answer = A::read(exchange::ask(settings, question, trace, settings.try_timeout.min(left)).await);
        let later = answer.later();
        breaker.report(permission, later.is_none()).await;
        let Some((cause, status, retry_after)) = later else {
            return Outcome::Final(answer);
        };
        log::line(
            Level::Warn,
            "registry",
            &[("cause", format!("{cause:?}").into()), ("status", status.into()), ("attempt", attempt.into())],
        );
        let delay = BACKOFF.delay(attempt, runtime::random(), retry_after);
        match next_step(attempt, most, started.elapsed(), settings.call_timeout(), delay) {
            Step::Retry(pause) => runtime::sleep(pause).await,
            Step::GiveUp => {
                let retry_after = retry_after.unwrap_or(RETRY_AFTER);
                return Outcome::None(NoVerdict { cause, status, retry_after, attempts: attempt });
            }
        }
        attempt += 1;
    }
}
