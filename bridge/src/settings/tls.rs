//! The settings of TLS, for all connections: with RabbitMQ, the components and the trace collector.

use super::reader::Reader;
use super::table;
use connectivity_tls::{Authorities, Identity, TlsError};
use rustls::ClientConfig;
use std::path::Path;
use std::sync::Arc;

/// Reads the files that the settings name.
pub(super) fn read(reader: &mut Reader) -> Option<Arc<ClientConfig>> {
    let authorities = reader.optional(&table::TLS_CA_FILE);
    let certificate = reader.optional(&table::TLS_CERTIFICATE_FILE);
    let key = reader.optional(&table::TLS_KEY_FILE);
    if certificate.is_some() != key.is_some() {
        let [certificate, key] = [table::TLS_CERTIFICATE_FILE.name, table::TLS_KEY_FILE.name];
        reader.report(format!("{certificate} and {key} must be set together"));
    }
    let identity = certificate.as_deref().zip(key.as_deref());
    config(authorities.as_deref(), identity).map(Arc::new).map_err(|error| reader.report(error.to_string())).ok()
}

fn config(authorities: Option<&str>, identity: Option<(&str, &str)>) -> Result<ClientConfig, TlsError> {
    let identity = identity.map(|(chain, key)| Identity::load(Path::new(chain), Path::new(key))).transpose()?;
    Authorities::load(authorities.map(Path::new))?.client_config(identity)
}
