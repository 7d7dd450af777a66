//! Names and addresses of Services.

use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// A Service with one port.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Endpoint {
    pub(super) name: String,
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
}

/// Returns the names as entries of the pods' /etc/hosts.
pub(super) fn aliases(services: &[Endpoint]) -> Value {
    services.iter().map(|service| json!({"ip": service.address, "hostnames": [service.name]})).collect()
}

/// Returns the environment variables that the kubelet sets for the Services of a namespace.
pub(super) fn links(services: &[Endpoint]) -> Vec<Value> {
    let of_service = |Endpoint { name, address, port }: &Endpoint| {
        let prefix = name.to_uppercase().replace('-', "_");
        let url = format!("tcp://{address}:{port}");
        [
            (format!("{prefix}_SERVICE_HOST"), address.to_string()),
            (format!("{prefix}_SERVICE_PORT"), port.to_string()),
            (format!("{prefix}_PORT"), url.clone()),
            (format!("{prefix}_PORT_{port}_TCP"), url),
        ]
    };
    services.iter().flat_map(of_service).map(|(name, value)| json!({"name": name, "value": value})).collect()
}
