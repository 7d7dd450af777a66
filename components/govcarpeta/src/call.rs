//! The two questions that the plugin answers, with the circuit breaker around each call.

use crate::breaker::{Breaker, Permission};
use crate::meaning::{of_citizen_response, of_document_response};
use crate::settings::Settings;
use connectivity_domain::check::Affiliation;
use connectivity_domain::document::Authenticity;
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_registry_http::call::{Budget, Meaning, call};
use connectivity_registry_http::exchange::{Question, exchange};
use connectivity_runtime::log::{self, Level};
use http::{HeaderMap, Method};
use std::sync::OnceLock;
use std::time::Duration;

/// When to ask again while an operator has to correct the settings.
const MISCONFIGURED_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Asks whether a citizen is affiliated. `trace` is sent with the question.
pub(crate) async fn check(citizen_id: &str, trace: &HeaderMap) -> Result<Affiliation, RegistryError> {
    let path = format!("/apis/validateCitizen/{citizen_id}");
    ask(Question { method: Method::GET, path, body: None }, of_citizen_response, trace).await
}

/// Asks whether a document is authentic. `trace` is sent with the question.
pub(crate) async fn authenticate(
    citizen_id: &str,
    url: &str,
    title: &str,
    trace: &HeaderMap,
) -> Result<Authenticity, RegistryError> {
    let citizen: serde_json::Value = citizen_id.parse::<u64>().map_or_else(|_| citizen_id.into(), Into::into);
    let body = serde_json::json!({"idCitizen": citizen, "UrlDocument": url, "documentTitle": title}).to_string();
    let path = "/apis/authenticateDocument".to_owned();
    ask(Question { method: Method::PUT, path, body: Some(body) }, of_document_response, trace).await
}

/// Returns whether the settings are valid. The log says what is wrong with them.
pub(crate) async fn is_configured() -> bool {
    instance().await.is_some()
}

/// The settings and the breaker of this instance. They hold no request's data.
struct Instance {
    settings: Settings,
    breaker: Breaker,
}

static INSTANCE: OnceLock<Instance> = OnceLock::new();

async fn instance() -> Option<&'static Instance> {
    if let Some(instance) = INSTANCE.get() {
        return Some(instance);
    }
    match Settings::from_host().await {
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

async fn ask<V>(
    question: Question,
    meaning: fn(Evidence) -> Meaning<V>,
    trace: &HeaderMap,
) -> Result<V, RegistryError> {
    let not_asked =
        |cause, retry_after| RegistryError::Unavailable(NoVerdict { cause, status: None, retry_after, attempts: 0 });
    let Some(Instance { settings, breaker }) = instance().await else {
        return Err(not_asked(Cause::Misconfigured, MISCONFIGURED_RETRY_AFTER));
    };
    let permission = breaker.permit().await.map_err(|retry_after| not_asked(Cause::BreakerOpen, retry_after))?;
    // A probe of a registry that was down is one attempt; other callers wait for its result.
    let attempts = if permission == Permission::Probe { 1 } else { settings.attempts };
    let budget = Budget { attempts, attempt_timeout: settings.attempt_timeout, call_timeout: settings.call_timeout() };
    let attempt = async |limit| exchange(&settings.endpoint, &question, trace, limit).await;
    call(budget, attempt, meaning, async |success| breaker.report(permission, success).await).await
}
