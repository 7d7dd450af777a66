//! TLS of the native programs: which certification authorities they trust, and how a client proves
//! its identity. All connections follow the same rule, whatever their protocol.
//!
//! Trusted are the authorities of the system, which `SSL_CERT_FILE` and `SSL_CERT_DIR` replace;
//! Mozilla's list where the system has none; and those of the file that [`CA_FILE`] names. The
//! certificate and the host name of a server are always verified.

mod authorities;
mod identity;
#[cfg(feature = "mysql")]
pub mod mysql;

pub use authorities::Authorities;
pub use identity::Identity;

use std::io;

/// The environment variable that names a file with further certification authorities (PEM).
pub const CA_FILE: &str = "TLS_CA_FILE";

/// The environment variables that name the files with the certificate of a client and its key (PEM).
pub const CERTIFICATE_FILE: &str = "TLS_CERTIFICATE_FILE";
/// See [`CERTIFICATE_FILE`].
pub const KEY_FILE: &str = "TLS_KEY_FILE";

/// Why the settings of TLS cannot be used. The messages name variables, never their values.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("the file in {variable} cannot be read ({cause})")]
    Unreadable {
        /// The variable that names the file.
        variable: &'static str,
        /// Why not.
        cause: io::Error,
    },
    /// The file that this variable names holds no certificate, or one that is not valid.
    #[error("the file in {0} must contain certificates in PEM format")]
    NoCertificate(&'static str),
    /// The file that this variable names holds no private key.
    #[error("the file in {0} must contain a private key in PEM format")]
    NoKey(&'static str),
    /// What `SSL_CERT_FILE` or `SSL_CERT_DIR` names is of no use.
    #[error("SSL_CERT_FILE or SSL_CERT_DIR: {0}")]
    System(rustls_native_certs::Error),
    /// The TLS library refuses the certificate and the key of a client.
    #[error("the certificate in {CERTIFICATE_FILE} and the key in {KEY_FILE} cannot be used ({0})")]
    Identity(rustls::Error),
}
