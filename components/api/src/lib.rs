//! Assembles the OpenAPI 3.1 document from the descriptions of the components' routes.
//!
//! The document is written into `components/ops`, which serves it, so that no wasm component
//! contains the code that describes the API.

mod share;

use connectivity_edge::openapi::CommonParts;
use serde_json::Value;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, ServerBuilder, Tag};
use utoipa::{Modify, openapi};

/// The path of the document, relative to the root of the workspace.
pub const PATH: &str = "components/ops/openapi.json";

/// Returns the document.
pub fn document() -> Value {
    let mut document = described();
    for component in [affiliation::openapi(), documents::openapi(), auth::openapi(), ops::openapi()] {
        document.merge(component);
    }
    CommonParts.modify(&mut document);
    // Serializing these structs cannot fail.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    share::share(&mut document);
    document
}

/// Returns the document as it is committed: indented, so that changes are readable.
pub fn text() -> String {
    format!("{:#}\n", document())
}

fn described() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0"));
    let info = InfoBuilder::new()
        .title("Connectivity")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(include_str!("description.md").trim()))
        .license(Some(license.build()));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").description(Some("The server of this document")).build()]))
        .tags(Some(TAGS.map(tag)))
        .build()
}

const TAGS: [(&str, &str); 7] = [
    ("affiliation", "Checks whether a citizen can be affiliated with this operator"),
    ("documents", "Authenticates documents"),
    ("tokens", "Tokens for a name and a secret, with the routes of the older service"),
    ("OAuth", "Tokens with the standard names of OAuth 2.0"),
    ("discovery", "The server metadata and the public keys"),
    ("service accounts", "Management of the accounts that can call the API"),
    ("operations", "Health probes, metrics and the documentation of the API"),
];

fn tag((name, description): (&str, &str)) -> Tag {
    openapi::tag::TagBuilder::new().name(name).description(Some(description)).build()
}
