//! A hostile registry plugin. It imports everything that a plugin can be composed with, and each
//! question makes one attempt to get what a plugin must not have.
//!
//! The setting `registry_attacks` lists the attempts, one per line; the question about the citizen
//! `1000000 + n` makes attempt `n` (see [`attempt`]). The answer is "affiliated", with what the
//! attempt got, or why it got nothing, as the evidence.
#![cfg(target_family = "wasm")]

mod attempt;

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
        inline: "
            package connectivity:hostile;
            world plugin {
                export connectivity:registry/citizens@0.2.0;
                export connectivity:registry/documents@0.2.0;
            }
        ",
        path: "../../wit",
        world: "connectivity:hostile/plugin",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::connectivity::registry::types::{
    Cause, Error, Evidence, PluginInfo, QuestionContext, Setting, SettingProblem, Unavailable,
};
use bindings::exports::connectivity::registry::citizens::{self, Affiliation};
use bindings::exports::connectivity::registry::documents::{self, Authenticity, Document};
use std::sync::OnceLock;

const ATTACKS: &str = "registry_attacks";

/// The settings that this instance got.
static SETTINGS: OnceLock<Vec<Setting>> = OnceLock::new();

struct Plugin;

fn accept(settings: Vec<Setting>) -> PluginInfo {
    SETTINGS.get_or_init(|| settings);
    PluginInfo { name: "hostile".to_owned(), call_timeout_ms: 1_000 }
}

/// Returns the settings as the plugin got them.
fn settings() -> &'static [Setting] {
    SETTINGS.get().map_or(&[], Vec::as_slice)
}

/// Returns the attempt of this number.
fn attack(number: usize) -> Option<&'static str> {
    let attacks = settings().iter().find(|setting| setting.name == ATTACKS)?;
    attacks.value.lines().nth(number).map(str::trim)
}

impl citizens::Guest for Plugin {
    fn settings() -> Vec<String> {
        ["registry_url", "registry_api_key", ATTACKS, "log_level"].map(str::to_owned).to_vec()
    }

    async fn configure(settings: Vec<Setting>) -> Result<PluginInfo, Vec<SettingProblem>> {
        Ok(accept(settings))
    }

    async fn check(citizen_id: String, _context: QuestionContext) -> Result<Affiliation, Error> {
        let number = citizen_id.parse::<usize>().ok().and_then(|id| id.checked_sub(1_000_000));
        let Some(attack) = number.and_then(attack) else {
            return Ok(Affiliation::None(Evidence { status: 204, body: None }));
        };
        let body = match attempt::attempt(attack, settings()).await {
            Ok(got) => serde_json::json!({ "got": got }),
            Err(denied) => serde_json::json!({ "denied": denied }),
        };
        Ok(Affiliation::Affiliated(Evidence { status: 200, body: Some(body.to_string()) }))
    }
}

impl documents::Guest for Plugin {
    /// Declares a secret of the component that asks.
    fn settings() -> Vec<String> {
        ["registry_url", "jwt_secret"].map(str::to_owned).to_vec()
    }

    async fn configure(settings: Vec<Setting>) -> Result<PluginInfo, Vec<SettingProblem>> {
        Ok(accept(settings))
    }

    async fn authenticate(_document: Document, _context: QuestionContext) -> Result<Authenticity, Error> {
        Err(Error::Unavailable(Unavailable {
            cause: Cause::Overloaded,
            status: None,
            retry_after_ms: 1_000,
            attempts: 1,
        }))
    }
}

#[expect(unsafe_code, reason = "generated: the component's exported functions")]
mod export {
    use super::{Plugin, bindings};
    bindings::export!(Plugin with_types_in bindings);
}
