//! The bodies of the responses.

use crate::probe::ProbeResult;
use connectivity_edge::config_state::ConfigState;
use serde::Serialize;
use std::collections::BTreeMap;

/// Says that the service is alive.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Alive {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::alive))]
    pub(crate) status: &'static str,
}

/// The state of the service, of its components and of its dependencies.
// The order of the fields is part of the API: clients have only ever seen this one.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Readiness {
    /// Absent if the settings of the component `ops` itself are invalid
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub(crate) components: Option<BTreeMap<&'static str, Component>>,
    /// Absent if the settings of the component `ops` itself are invalid
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub(crate) dependencies: Option<Dependencies>,
    /// What an operator has to do, if the cause is not a server that is down
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub(crate) reason: Option<String>,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::readiness))]
    pub(crate) status: &'static str,
}

/// A component of this service.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Component {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::component))]
    pub(crate) status: &'static str,
}

/// The servers that the service uses.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Dependencies {
    pub(crate) cache: Dependency,
    pub(crate) database: Dependency,
    pub(crate) registry_breaker: Breaker,
}

/// The state of a server.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Dependency {
    /// How long the check took, in milliseconds
    pub(crate) latency_ms: f64,
    /// Whether the service is not ready while this server is down
    pub(crate) needed: bool,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::server))]
    pub(crate) status: &'static str,
}

/// The state of the circuit breaker in front of the registry, as stored in the cache.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Breaker {
    pub(crate) needed: bool,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::breaker))]
    pub(crate) status: &'static str,
}

pub(crate) fn component(settings: ConfigState) -> Component {
    let status = match settings {
        ConfigState::Valid => "configured",
        ConfigState::Invalid => "misconfigured",
        ConfigState::Unknown => "unknown",
    };
    Component { status }
}

pub(crate) fn dependency(result: &ProbeResult, needed: bool) -> Dependency {
    Dependency { latency_ms: result.latency.as_secs_f64() * 1000.0, needed, status: result.status }
}
