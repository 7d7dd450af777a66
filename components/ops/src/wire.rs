//! The bodies of answers.

use crate::routes::Look;
use connectivity_kit::configured::Settings;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer of the living.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Alive {
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::alive))]
    pub(crate) status: &'static str,
}

/// What a look at everything showed.
// In the order in which they have always been written.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Readiness {
    /// None where this component's own settings are wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(not(target_family = "wasm"), schema(nullable = false))]
    pub(crate) components: Option<BTreeMap<&'static str, Component>>,
    /// None where the settings are wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(not(target_family = "wasm"), schema(nullable = false))]
    pub(crate) dependencies: Option<Dependencies>,
    /// What is to be done about it, where it is not a server that is missing
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(not(target_family = "wasm"), schema(nullable = false))]
    pub(crate) reason: Option<&'static str>,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::readiness))]
    pub(crate) status: &'static str,
}

/// A component of this service.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Component {
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::component))]
    pub(crate) status: &'static str,
}

/// What the service works with.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Dependencies {
    pub(crate) cache: Dependency,
    pub(crate) database: Dependency,
    pub(crate) registry_breaker: Breaker,
}

/// A server.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Dependency {
    /// How long the look took, in milliseconds
    pub(crate) latency_ms: f64,
    /// Without it there are no answers
    pub(crate) needed: bool,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::server))]
    pub(crate) status: &'static str,
}

/// The circuit breaker before the registry, as the cache knows it.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Breaker {
    pub(crate) needed: bool,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::breaker))]
    pub(crate) status: &'static str,
}

/// A component whose settings were looked at.
pub(crate) fn component(settings: Settings) -> Component {
    let status = match settings {
        Settings::Right => "configured",
        Settings::Wrong => "misconfigured",
        Settings::Unknown => "unknown",
    };
    Component { status }
}

/// A server as it was seen.
pub(crate) fn dependency(look: &Look, needed: bool) -> Dependency {
    Dependency { latency_ms: look.latency.as_secs_f64() * 1000.0, needed, status: look.status }
}
