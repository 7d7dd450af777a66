//! The certification authorities.

use crate::identity::Identity;
use crate::{CA_FILE, TlsError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The certification authorities that a program trusts.
#[derive(Clone, Debug)]
pub struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
    store: Arc<RootCertStore>,
}

impl Authorities {
    /// Reads the authorities of the system and those of the file that [`CA_FILE`] names, if it is
    /// set.
    pub fn from_environment() -> Result<Self, TlsError> {
        let file = env::var_os(CA_FILE).filter(|path| !path.is_empty()).map(PathBuf::from);
        Self::load(file.as_deref())
    }

    /// Reads the authorities of the system and those of a file.
    pub fn load(file: Option<&Path>) -> Result<Self, TlsError> {
        // Libraries that make their own configuration use this provider too. An error means that one
        // is installed already, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut authorities = Self { certificates: Vec::new(), store: Arc::new(RootCertStore::empty()) };
        for certificate in system()? {
            // A store of a system has certificates that the library cannot use. No server has to
            // have one of those.
            authorities.add(certificate);
        }
        if let Some(path) = file {
            let found = certificates(CA_FILE, path)?;
            if found.is_empty() || !found.into_iter().all(|certificate| authorities.add(certificate)) {
                return Err(TlsError::NoCertificate(CA_FILE));
            }
        }
        Ok(authorities)
    }

    /// Adds an authority, and returns whether its certificate is valid.
    fn add(&mut self, certificate: CertificateDer<'static>) -> bool {
        let is_valid = Arc::make_mut(&mut self.store).add(certificate.clone()).is_ok();
        if is_valid {
            self.certificates.push(certificate);
        }
        is_valid
    }

    /// Returns the certificates of the authorities.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Returns the certificates in PEM format.
    pub fn pem(&self) -> String {
        let encoded = self.certificates.iter().map(|certificate| {
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(certificate))
        });
        encoded.collect::<Vec<_>>().concat()
    }

    /// Returns the authorities, in the form that the TLS library verifies servers with.
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.store)
    }

    /// Returns the configuration of a client that trusts these authorities, and that shows its
    /// identity to servers that ask for one.
    pub fn client_config(&self, identity: Option<Identity>) -> Result<ClientConfig, TlsError> {
        let config = ClientConfig::builder().with_root_certificates(self.store());
        match identity {
            Some(Identity { chain, key }) => config.with_client_auth_cert(chain, key).map_err(TlsError::Identity),
            None => Ok(config.with_no_client_auth()),
        }
    }
}

/// Returns the authorities of the system, or Mozilla's list where it has none.
fn system() -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let is_set = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| env::var_os(name).is_some());
    let mut found = rustls_native_certs::load_native_certs();
    match (is_set, found.errors.pop()) {
        (true, Some(error)) => Err(TlsError::System(error)),
        (false, _) if found.certs.is_empty() => Ok(webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec()),
        _ => Ok(found.certs),
    }
}

/// Returns the certificates in the file that a variable names.
pub(crate) fn certificates(variable: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(variable, path)?).collect();
    all.map_err(|_| TlsError::NoCertificate(variable))
}

pub(crate) fn read(variable: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|cause| TlsError::Unreadable { variable, cause })
}
