//! The question as the plugin is asked it.

use connectivity_domain::document::{Authenticity, DocumentRequest};
use connectivity_domain::job::JobRegistry;
use connectivity_domain::registry::RegistryError;
use connectivity_registry::bindings::documents;
use connectivity_registry::{PluginCall, error, evidence};

/// The port of the registry for one request.
pub(crate) struct Port(pub(crate) PluginCall);

impl JobRegistry<DocumentRequest> for Port {
    async fn ask(&self, request: &DocumentRequest) -> Result<Authenticity, RegistryError> {
        let document = documents::Document {
            citizen_id: request.citizen.as_str().to_owned(),
            url: request.url.as_str().to_owned(),
            title: request.title.clone(),
        };
        let outcome = |verdict: &Authenticity| match verdict {
            Authenticity::Authenticated(_) => "authenticated",
            Authenticity::Rejected(_) => "rejected",
        };
        let question = |context| async {
            match documents::authenticate(document, context).await {
                Ok(documents::Authenticity::Authenticated(it)) => Ok(Authenticity::Authenticated(evidence(it))),
                Ok(documents::Authenticity::Rejected(it)) => Ok(Authenticity::Rejected(evidence(it))),
                Err(it) => Err(error(it)),
            }
        };
        self.0.ask("document", &request.citizen, outcome, question).await
    }
}
