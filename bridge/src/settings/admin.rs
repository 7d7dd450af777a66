//! The settings of the commands about service accounts.

use super::components::{Credentials, credentials, url};
use super::reader::{Invalid, Reader, Source};
use super::table;

/// Where the service accounts are managed, and in whose name. Holds secrets: no `Debug`.
pub(crate) struct AdminSettings {
    pub(crate) components_url: String,
    pub(crate) credentials: Credentials,
}

impl AdminSettings {
    pub(crate) fn from_source(source: &dyn Source) -> Result<Self, Invalid> {
        let mut reader = Reader::new(source);
        let components_url = url(&mut reader);
        let credentials = credentials(&mut reader, &table::ADMIN_CLIENT_ID, &table::ADMIN_CLIENT_SECRET);
        let settings = components_url.zip(credentials);
        reader.finish(settings.map(|(components_url, credentials)| Self { components_url, credentials }))
    }
}
