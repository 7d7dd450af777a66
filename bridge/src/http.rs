//! The HTTP client that all requests of the bridge are made with.

use reqwest::ClientBuilder;
use rustls::ClientConfig;

/// Returns a client without a proxy, which verifies servers as the settings of TLS say.
pub(crate) fn client(tls: &ClientConfig) -> ClientBuilder {
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls.clone())
}

/// Returns the configuration of TLS with the authorities of the system, for tests.
#[cfg(test)]
pub(crate) fn any_tls() -> std::sync::Arc<ClientConfig> {
    let authorities = connectivity_tls::Authorities::load(None).expect("the authorities of the system");
    authorities.client_config(None).expect("a configuration").into()
}
