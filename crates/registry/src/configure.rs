//! Hands a plugin its settings.

use crate::bindings::types::{PluginInfo as WitInfo, Setting, SettingProblem};
use crate::handover::{is_plugin_name, refused};
use connectivity_runtime::settings::{Invalid, Problem, Reader};
use std::future::Future;
use std::time::Duration;

/// The longest time that a plugin may take for a call.
const MAX_CALL_TIMEOUT: Duration = Duration::from_mins(10);

/// What a configured plugin says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginInfo {
    /// The name of the registry, which names the shared circuit breaker.
    pub name: String,
    /// The longest time that one call takes.
    pub call_timeout: Duration,
}

/// Configures a plugin. `names` are the settings that it declares, and `configure` hands them over:
/// two functions of the interface with the question.
///
/// # Errors
///
/// The settings that are invalid, by name.
pub async fn configure<F>(names: Vec<String>, configure: impl FnOnce(Vec<Setting>) -> F) -> Result<PluginInfo, Invalid>
where
    F: Future<Output = Result<WitInfo, Vec<SettingProblem>>>,
{
    info(configure(settings(names).await?).await)
}

/// Reads the settings that a plugin declared.
async fn settings(names: Vec<String>) -> Result<Vec<Setting>, Invalid> {
    let problems = refused(&names);
    if !problems.is_empty() {
        return Err(Invalid(problems));
    }
    let reader = Reader::from_host(&names).await;
    let settings = names.into_iter().map(|name| Setting { value: reader.secret(&name), name }).collect();
    reader.finish(settings)
}

fn info(configured: Result<WitInfo, Vec<SettingProblem>>) -> Result<PluginInfo, Invalid> {
    let plugin = |problem: &str| Invalid(vec![Problem { name: "the registry plugin".into(), problem: problem.into() }]);
    match configured {
        Ok(WitInfo { name, .. }) if !is_plugin_name(&name) => {
            Err(plugin("has a name that is not 1 to 64 of a-z, 0-9 and -"))
        }
        Ok(WitInfo { name, call_timeout_ms }) => {
            let call_timeout = Duration::from_millis(call_timeout_ms.into());
            if call_timeout.is_zero() || call_timeout > MAX_CALL_TIMEOUT {
                return Err(plugin("has a call timeout that is not between 1 ms and 10 minutes"));
            }
            Ok(PluginInfo { name, call_timeout })
        }
        Err(problems) if problems.is_empty() => Err(plugin("refused its settings and did not say why")),
        Err(problems) => Err(Invalid(
            problems.into_iter().map(|SettingProblem { name, problem }| Problem { name, problem }).collect(),
        )),
    }
}
