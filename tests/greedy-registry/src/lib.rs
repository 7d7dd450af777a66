//! A registry plugin that imports what a plugin does not inherit: variables, SQLite and key-value
//! stores. The local host refuses to compose it. Spin composes it with an adapter that denies each
//! call, and then the plugin answers "affiliated" with what it got as the evidence.
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

use bindings::connectivity::registry::types::{Error, Evidence, PluginInfo, QuestionContext, Setting, SettingProblem};
use bindings::exports::connectivity::registry::citizens::{Affiliation, Guest};
use spin_sdk::{key_value, sqlite, variables};

struct Plugin;

impl Guest for Plugin {
    fn settings() -> Vec<String> {
        Vec::new()
    }

    async fn configure(_settings: Vec<Setting>) -> Result<PluginInfo, Vec<SettingProblem>> {
        Ok(PluginInfo { name: "greedy".to_owned(), call_timeout_ms: 1_000 })
    }

    async fn check(_citizen_id: String, _context: QuestionContext) -> Result<Affiliation, Error> {
        let mut got = Vec::new();
        got.extend(variables::get("jwt_secret").await.is_ok().then_some("\"variables\""));
        got.extend(sqlite::Connection::open("default").await.is_ok().then_some("\"sqlite\""));
        got.extend(key_value::Store::open("default").await.is_ok().then_some("\"key-value\""));
        let body = Some(format!("[{}]", got.join(",")));
        Ok(Affiliation::Affiliated(Evidence { status: 200, body }))
    }
}

#[expect(unsafe_code, reason = "generated: the component's exported functions")]
mod export {
    use super::{Plugin, bindings};
    bindings::export!(Plugin with_types_in bindings);
}
