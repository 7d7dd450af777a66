//! The two questions that the plugin answers.

use crate::meaning::{of_citizen_response, of_document_response};
use crate::settings::Settings;
use connectivity_domain::check::Affiliation;
use connectivity_domain::document::Authenticity;
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::verdict::Cause;
use connectivity_registry_http::call::{Budget, Meaning, call};
use connectivity_registry_http::exchange::{Answer, Question, exchange};
use connectivity_runtime::settings::{Invalid, Reader};
use http::{HeaderMap, Method};
use std::sync::OnceLock;
use std::time::Duration;

/// When to ask again while an operator has to correct the settings.
const MISCONFIGURED_RETRY_AFTER: Duration = Duration::from_mins(1);

/// What accompanies a question.
pub(crate) struct Context {
    /// The headers of the trace context, which are sent with the question.
    pub(crate) trace: HeaderMap,
    /// At most one attempt is made.
    pub(crate) single_attempt: bool,
}

/// Asks whether a citizen is affiliated.
pub(crate) async fn check(citizen_id: &str, context: &Context) -> Result<Affiliation, RegistryError> {
    let path = format!("/apis/validateCitizen/{citizen_id}");
    ask(Question { method: Method::GET, path, body: None }, of_citizen_response, context).await
}

/// Asks whether a document is authentic.
pub(crate) async fn authenticate(
    citizen_id: &str,
    url: &str,
    title: &str,
    context: &Context,
) -> Result<Authenticity, RegistryError> {
    let citizen: serde_json::Value = citizen_id.parse::<u64>().map_or_else(|_| citizen_id.into(), Into::into);
    let body = serde_json::json!({"idCitizen": citizen, "UrlDocument": url, "documentTitle": title}).to_string();
    let path = "/apis/authenticateDocument".to_owned();
    ask(Question { method: Method::PUT, path, body: Some(body) }, of_document_response, context).await
}

/// The settings of this instance. They hold no request's data.
static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Takes the settings. Returns how long one call may take with them.
pub(crate) fn configure(reader: Reader) -> Result<Duration, Invalid> {
    let settings = Settings::read(reader)?;
    Ok(SETTINGS.get_or_init(|| settings).call_timeout())
}

async fn ask<V>(question: Question, meaning: fn(Answer) -> Meaning<V>, context: &Context) -> Result<V, RegistryError> {
    let Some(settings) = SETTINGS.get() else {
        return Err(RegistryError::Unavailable(NoVerdict {
            cause: Cause::Misconfigured,
            status: None,
            retry_after: MISCONFIGURED_RETRY_AFTER,
            attempts: 0,
        }));
    };
    let attempts = if context.single_attempt { 1 } else { settings.attempts };
    let budget = Budget { attempts, attempt_timeout: settings.attempt_timeout, call_timeout: settings.call_timeout() };
    let attempt = async |limit| exchange(&settings.endpoint, &question, &context.trace, limit).await;
    call(budget, attempt, meaning).await
}
