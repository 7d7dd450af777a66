//! A minimal registry plugin: it exports one capability, has no HTTP, and answers from its
//! settings.
//!
//! - `registry_affiliated`: citizen ids, separated by commas, that an operator has affiliated.
//! - `registry_unavailable`: citizen ids about which there is no verdict.
//!
//! All other citizens are affiliated with no operator.
#![cfg(target_family = "wasm")]

#[allow(
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated; the documentation is in wit/registry.wit"
)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        world: "connectivity:registry/citizens-plugin",
        path: "../../wit",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::connectivity::registry::types::{
    Cause, Error, Evidence, PluginInfo, QuestionContext, Setting, SettingProblem, Unavailable,
};
use bindings::exports::connectivity::registry::citizens::{Affiliation, Guest};
use std::sync::OnceLock;

const AFFILIATED: &str = "registry_affiliated";
const UNAVAILABLE: &str = "registry_unavailable";

struct Registry {
    affiliated: Vec<String>,
    unavailable: Vec<String>,
}

/// The settings of this instance.
static REGISTRY: OnceLock<Registry> = OnceLock::new();

struct Plugin;

impl Guest for Plugin {
    fn settings() -> Vec<String> {
        vec![AFFILIATED.to_owned(), UNAVAILABLE.to_owned()]
    }

    async fn configure(settings: Vec<Setting>) -> Result<PluginInfo, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let mut ids = |name: &str| {
            let value = settings.iter().find(|setting| setting.name == name).map_or("", |setting| &setting.value);
            let ids: Vec<_> = value.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
            if !ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_digit())) {
                let problem = "must be citizen ids, separated by commas".to_owned();
                problems.push(SettingProblem { name: name.to_owned(), problem });
            }
            ids
        };
        let registry = Registry { affiliated: ids(AFFILIATED), unavailable: ids(UNAVAILABLE) };
        if !problems.is_empty() {
            return Err(problems);
        }
        REGISTRY.get_or_init(|| registry);
        Ok(PluginInfo { name: "static".to_owned(), call_timeout_ms: 1_000 })
    }

    async fn check(citizen_id: String, _context: QuestionContext) -> Result<Affiliation, Error> {
        let Some(registry) = REGISTRY.get() else {
            return Err(unavailable(Cause::Misconfigured, 0));
        };
        if registry.unavailable.contains(&citizen_id) {
            return Err(unavailable(Cause::Overloaded, 1));
        }
        if registry.affiliated.contains(&citizen_id) {
            let body = Some("\"another operator\"".to_owned());
            return Ok(Affiliation::Affiliated(Evidence { status: 200, body }));
        }
        Ok(Affiliation::None(Evidence { status: 204, body: None }))
    }
}

fn unavailable(cause: Cause, attempts: u32) -> Error {
    Error::Unavailable(Unavailable { cause, status: None, retry_after_ms: 1_000, attempts })
}

#[expect(unsafe_code, reason = "generated: the component's exported functions")]
mod export {
    use super::{Plugin, bindings};
    bindings::export!(Plugin with_types_in bindings);
}
