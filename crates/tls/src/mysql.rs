//! The addresses of MySQL and MariaDB, `mysql://user:password@host:port/database`, and whether they
//! ask for TLS.

use crate::{Authorities, TlsError};
use mysql_async::{Opts, OptsBuilder};
use std::borrow::Cow;

/// The values of `ssl-mode` that ask for TLS, as MySQL's own clients name them. The server is always
/// verified, so they mean the same.
const ENCRYPTED: [&str; 4] = ["preferred", "required", "verify_ca", "verify_identity"];

/// Why an address cannot be used. The messages do not repeat it, because it has a password.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is not the address of a database server.
    #[error(
        "the database address must look like mysql://user:password@host:port/database, with the parameter \
         ssl-mode=REQUIRED for TLS; write special characters of the password as %40 for @, for example"
    )]
    Form,
    /// The value of `ssl-mode` is unknown.
    #[error("ssl-mode of the database address must be DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY")]
    Mode,
    /// It asks for TLS, whose settings cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Parses an address. `authorities` is called if it asks for TLS: by the parameter `ssl-mode` (or
/// `sslmode`, in any case) with a value other than `DISABLED`, or by the driver's `require_ssl=true`.
pub fn options(
    address: &str,
    authorities: impl FnOnce() -> Result<Authorities, TlsError>,
) -> Result<Opts, AddressError> {
    let (plain, mode) = without_mode(address);
    let is_encrypted = match mode {
        None => false,
        Some(mode) if mode.eq_ignore_ascii_case("disabled") => false,
        Some(mode) if ENCRYPTED.iter().any(|known| known.eq_ignore_ascii_case(mode)) => true,
        Some(_) => return Err(AddressError::Mode),
    };
    let options = Opts::from_url(&plain).map_err(|_| AddressError::Form)?;
    let asked = options.ssl_opts().cloned();
    if asked.is_none() && !is_encrypted {
        return Ok(options);
    }
    let roots = authorities()?.certificates().iter().map(|root| root.to_vec().into()).collect();
    let encrypted = asked.unwrap_or_default().with_root_certs(roots).with_disable_built_in_roots(true);
    // A socket is never encrypted.
    Ok(OptsBuilder::from_opts(options).ssl_opts(encrypted).prefer_socket(false).into())
}

/// Takes the parameter `ssl-mode`, which the driver does not know, out of an address.
fn without_mode(address: &str) -> (Cow<'_, str>, Option<&str>) {
    let Some((base, query)) = address.split_once('?') else { return (address.into(), None) };
    let (modes, others): (Vec<_>, Vec<_>) = query.split('&').partition(|pair| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        ["ssl-mode", "sslmode", "ssl_mode"].contains(&name.as_str())
    });
    let mode = modes.last().map(|pair| pair.split_once('=').map_or("", |(_, value)| value));
    let separator = if others.is_empty() { "" } else { "?" };
    (format!("{base}{separator}{}", others.join("&")).into(), mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_encrypted(address: &str) -> Result<bool, AddressError> {
        let load = || Authorities::load(None);
        options(address, load).map(|options| options.ssl_opts().is_some())
    }

    #[test]
    fn tls_is_asked_for_by_a_parameter() {
        let base = "mysql://me:p%40ss@db:3306/records";
        for (parameters, expected) in [
            ("", false),
            ("?ssl-mode=DISABLED", false),
            ("?ssl-mode=REQUIRED", true),
            ("?SSLMode=verify_identity&stmt_cache_size=10", true),
            ("?stmt_cache_size=10&ssl_mode=Verify_CA", true),
            ("?require_ssl=true", true),
            ("?require_ssl=true&ssl-mode=disabled", true),
            ("?require_ssl=false", false),
        ] {
            let encrypted = is_encrypted(&format!("{base}{parameters}")).expect("options");
            assert_eq!(encrypted, expected, "{parameters}");
        }
    }

    #[test]
    fn the_server_is_verified_by_our_authorities_alone() {
        let options = options("mysql://me:secret@db/records?ssl-mode=REQUIRED", || Authorities::load(None));
        let options = options.expect("options");
        let tls = options.ssl_opts().expect("TLS");
        assert!(tls.disable_built_in_roots() && !tls.root_certs().is_empty());
        assert!(!tls.accept_invalid_certs() && !tls.skip_domain_validation());
        assert_eq!((options.user(), options.pass(), options.db_name()), (Some("me"), Some("secret"), Some("records")));
    }

    #[test]
    fn odd_addresses_are_errors_that_do_not_repeat_them() {
        for address in [
            "",
            "mysql",
            "mysql://",
            "mysql:///",
            "mysql://hunter2",
            "mysql://me:hunter2@db:99999/records",
            "mysql://me:hunter2@db:/records?pool_min=9&pool_max=1",
            "mysql://me:hunter2@db/records?unknown=1",
            "mysql://me:hunter2@db/records?ssl-mode=perhaps",
            "mysql://me:hunter2@db/records?ssl-mode",
            "mysql://me:hunter2@db/records?=&&=?",
            "mysql://me:hunter2@db/records?require_ssl=2",
            "mysql://me:hunter2@[::1/records",
            "mysql://me:hunt#er2@db/records",
            "mysql://me:%@db/%ff%fe",
            "postgres://me:hunter2@db/records",
            "\u{0}\u{202e}mysql://é:hunter2@é/é?é=é",
            " mysql://me:hunter2@db/records ",
        ] {
            // Some of these are valid to the driver. None makes it panic.
            if let Err(error) = options(address, || Authorities::load(None)) {
                assert!(!error.to_string().contains("hunter2"), "{error}");
            }
        }
    }
}
