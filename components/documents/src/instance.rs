//! The state that one instance keeps between requests: settings, keys, connections.

use crate::port::Port;
use crate::store::Documents;
use connectivity_edge::instance::{self, Component};
use connectivity_jobs::{JobSettings, component};
use connectivity_registry::bindings::documents;
use connectivity_registry::{Plugin, PluginInfo, configure};
use connectivity_runtime::settings::Invalid;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Component> = OnceLock::new();

/// Returns the instance, created at its first request, or `None` while its settings are invalid.
pub(crate) async fn get() -> Option<&'static Component> {
    instance::get(&INSTANCE, settings(), make).await
}

/// Reads the settings and configures the plugin, so that invalid settings show before the first
/// question is asked.
async fn settings() -> Result<(JobSettings, PluginInfo), Invalid> {
    let settings = JobSettings::from_host(["retention_documents_days", "retention_document_urls_days"]).await?;
    Ok((settings, configure(documents::settings(), documents::configure).await?))
}

fn make((settings, plugin): (JobSettings, PluginInfo)) -> Component {
    component::<Documents, Port>(settings, plugin.call_timeout, |cache| {
        let plugin = Plugin::new(&plugin, cache);
        Arc::new(move |context, subject| Port(plugin.for_request(context, subject)))
    })
}
