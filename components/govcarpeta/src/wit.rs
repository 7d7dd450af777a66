//! The translation between the domain's types and those of the WIT, one `match` each, without `_`.

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated; the documentation is in wit/registry.wit"
)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        inline: "
            package connectivity:govcarpeta;
            world plugin {
                include connectivity:registry/citizens-plugin@0.2.0;
                include connectivity:registry/documents-plugin@0.2.0;
            }
        ",
        path: "../../wit",
        world: "connectivity:govcarpeta/plugin",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use crate::call::{self, Context};
use crate::settings::NAMES;
use bindings::connectivity::registry::types::{
    Cause as WitCause, Error, Evidence as WitEvidence, PluginInfo, QuestionContext, Setting, SettingProblem,
    Unavailable,
};
use bindings::exports::connectivity::registry::{citizens, documents};
use connectivity_domain::check::Affiliation;
use connectivity_domain::document::Authenticity;
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_runtime::settings::Reader;
use http::{HeaderName, HeaderValue};

/// The name of the plugin. Components that use a plugin of this name share one circuit breaker.
const NAME: &str = "govcarpeta";

struct Plugin;

impl citizens::Guest for Plugin {
    fn settings() -> Vec<String> {
        names()
    }

    async fn configure(settings: Vec<Setting>) -> Result<PluginInfo, Vec<SettingProblem>> {
        configure(&settings)
    }

    async fn check(citizen_id: String, context: QuestionContext) -> Result<citizens::Affiliation, Error> {
        match call::check(&citizen_id, &question_context(context)).await {
            Ok(Affiliation::None(it)) => Ok(citizens::Affiliation::None(evidence(it))),
            Ok(Affiliation::Affiliated(it)) => Ok(citizens::Affiliation::Affiliated(evidence(it))),
            Err(it) => Err(error(it)),
        }
    }
}

impl documents::Guest for Plugin {
    fn settings() -> Vec<String> {
        names()
    }

    async fn configure(settings: Vec<Setting>) -> Result<PluginInfo, Vec<SettingProblem>> {
        configure(&settings)
    }

    async fn authenticate(
        document: documents::Document,
        context: QuestionContext,
    ) -> Result<documents::Authenticity, Error> {
        let documents::Document { citizen_id, url, title } = document;
        match call::authenticate(&citizen_id, &url, &title, &question_context(context)).await {
            Ok(Authenticity::Authenticated(it)) => Ok(documents::Authenticity::Authenticated(evidence(it))),
            Ok(Authenticity::Rejected(it)) => Ok(documents::Authenticity::Rejected(evidence(it))),
            Err(it) => Err(error(it)),
        }
    }
}

fn names() -> Vec<String> {
    NAMES.map(str::to_owned).to_vec()
}

fn configure(settings: &[Setting]) -> Result<PluginInfo, Vec<SettingProblem>> {
    let values: Vec<_> = settings.iter().map(|setting| (&setting.name, &setting.value)).collect();
    match call::configure(Reader::from_values(&values)) {
        Ok(call_timeout) => {
            let call_timeout_ms = u32::try_from(call_timeout.as_millis()).unwrap_or(u32::MAX);
            Ok(PluginInfo { name: NAME.to_owned(), call_timeout_ms })
        }
        Err(invalid) => {
            let problems = invalid.0.into_iter();
            Err(problems.map(|it| SettingProblem { name: it.name, problem: it.problem }).collect())
        }
    }
}

/// Translates the trace context into headers. A value that cannot be a header is left out.
fn question_context(context: QuestionContext) -> Context {
    let (traceparent, tracestate) = context.trace.map(|trace| (trace.traceparent, trace.tracestate)).unzip();
    let headers = [("traceparent", traceparent), ("tracestate", tracestate.flatten())];
    let headers = headers
        .into_iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::try_from(value?).ok()?)));
    Context { trace: headers.collect(), single_attempt: context.single_attempt }
}

fn error(error: RegistryError) -> Error {
    match error {
        RegistryError::Refused(it) => Error::Refused(evidence(it)),
        RegistryError::UnexpectedResponse(it) => Error::UnexpectedResponse(evidence(it)),
        RegistryError::Unavailable(it) => Error::Unavailable(unavailable(&it)),
    }
}

fn evidence(evidence: Evidence) -> WitEvidence {
    WitEvidence { status: evidence.status, body: evidence.body }
}

fn unavailable(none: &NoVerdict) -> Unavailable {
    let cause = match none.cause {
        Cause::Timeout => WitCause::Timeout,
        Cause::Connection => WitCause::Connection,
        Cause::Tls => WitCause::Tls,
        Cause::Overloaded => WitCause::Overloaded,
        // The breaker stands on the asking side: a plugin never has this cause.
        Cause::BreakerOpen | Cause::Misconfigured => WitCause::Misconfigured,
    };
    let retry_after_ms = u64::try_from(none.retry_after.as_millis()).unwrap_or(u64::MAX);
    Unavailable { cause, status: none.status, retry_after_ms, attempts: none.attempts }
}

#[expect(unsafe_code, reason = "generated: the component's exported functions")]
mod export {
    use super::{Plugin, bindings};
    bindings::export!(Plugin with_types_in bindings);
}
