//! How a client proves its identity.

use crate::authorities::{certificates, read};
use crate::{CERTIFICATE_FILE, KEY_FILE, TlsError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// The certificate chain and the private key of a client.
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a certificate chain and a private key from PEM files, which the variables
    /// [`CERTIFICATE_FILE`] and [`KEY_FILE`] name.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let certificates = certificates(CERTIFICATE_FILE, chain)?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate(CERTIFICATE_FILE));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(KEY_FILE, key)?).map_err(|_| TlsError::NoKey(KEY_FILE))?;
        Ok(Self { chain: certificates, key })
    }
}
