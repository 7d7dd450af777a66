//! Schemas of the responses, for the OpenAPI document.

use connectivity_edge::schema::one_of;
use utoipa::openapi::{RefOr, Schema};

pub(crate) fn alive() -> RefOr<Schema> {
    one_of(&["alive"], "Always `alive`")
}

pub(crate) fn readiness() -> RefOr<Schema> {
    one_of(&["ready", "not ready"], "`ready`: records can be written, and the settings of all components are valid")
}

pub(crate) fn component() -> RefOr<Schema> {
    let description = "`misconfigured`: its settings are invalid, so it answers every call with 503; its log names them. `unknown`: \
         it did not respond";
    one_of(&["configured", "misconfigured", "unknown"], description)
}

pub(crate) fn server() -> RefOr<Schema> {
    let description = "`up`: the server responded in time. `outdated`, only of the database: its schema is older than this \
         release needs, and `reason` names the command that updates it. `unwritable`, only of the database: it responds, \
         and records cannot be written. `degraded`, only of the cache: it responds and refuses scripts, so that there are \
         no rate limits";
    one_of(&["up", "down", "outdated", "unwritable", "degraded"], description)
}

pub(crate) fn breaker() -> RefOr<Schema> {
    let description = "`closed`: the registry is asked. `open`: after repeated failures it is not asked for a while, at least for \
         one subject. `probing`: one call finds out whether it is back. `unknown`: the cache is down";
    one_of(&["closed", "open", "probing", "unknown"], description)
}
