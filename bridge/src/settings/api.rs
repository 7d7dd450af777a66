//! The settings of the commands that call the components' API.

use super::components::{Credentials, credentials, url};
use super::kind::Text;
use super::reader::{Invalid, Reader, Source};
use super::setting::Setting;
use super::{table, tls};
use rustls::ClientConfig;
use std::sync::Arc;

/// Where the components' API is, and in whose name it is called. Holds secrets: no `Debug`.
pub(crate) struct ApiSettings {
    pub(crate) components_url: String,
    /// For `https`.
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) credentials: Credentials,
    /// The scope of the access tokens.
    pub(crate) scope: &'static str,
}

impl ApiSettings {
    /// Reads the settings of the commands of an administrator.
    pub(crate) fn of_administrator(source: &dyn Source) -> Result<Self, Invalid> {
        Self::read(source, "admin", &table::ADMIN_CLIENT_ID, &table::ADMIN_CLIENT_SECRET)
    }

    /// Reads the settings of the command that checks citizens.
    pub(crate) fn of_affiliation(source: &dyn Source) -> Result<Self, Invalid> {
        Self::read(source, "affiliation", &table::AFFILIATION_CLIENT_ID, &table::AFFILIATION_CLIENT_SECRET)
    }

    /// Reads the settings of the commands that do what the bridge does.
    pub(crate) fn of_bridge(source: &dyn Source) -> Result<Self, Invalid> {
        Self::read(source, "bridge", &table::BRIDGE_CLIENT_ID, &table::BRIDGE_CLIENT_SECRET)
    }

    fn read(
        source: &dyn Source,
        scope: &'static str,
        id: &Setting<Text>,
        secret: &Setting<Text>,
    ) -> Result<Self, Invalid> {
        let mut reader = Reader::new(source);
        let components_url = url(&mut reader);
        let (tls, credentials) = (tls::read(&mut reader), credentials(&mut reader, id, secret));
        let settings = components_url.zip(tls).zip(credentials);
        let settings =
            settings.map(|((components_url, tls), credentials)| Self { components_url, tls, credentials, scope });
        reader.finish(settings)
    }
}
