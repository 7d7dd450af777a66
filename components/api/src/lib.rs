//! The API's document: OpenAPI 3.1, made of what the components say of their routes.
//!
//! It is written into `components/ops`, which serves it: no component that runs carries the code that describes it.

mod share;

use connectivity_edge::openapi::CommonParts;
use serde_json::Value;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, ServerBuilder, Tag};
use utoipa::{Modify, openapi};

/// Where it is kept, from the root of the workspace.
pub const PATH: &str = "components/ops/openapi.json";

/// The document as it is served.
pub fn document() -> Value {
    let mut document = described();
    for component in [affiliation::openapi(), documents::openapi(), auth::openapi(), ops::openapi()] {
        document.merge(component);
    }
    CommonParts.modify(&mut document);
    // What was made of structs is always JSON.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    share::share(&mut document);
    document
}

/// The document as it is kept: one line for each thing, so that a change can be read.
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
        .servers(Some([ServerBuilder::new().url("/").description(Some("Where this document came from")).build()]))
        .tags(Some(TAGS.map(tag)))
        .build()
}

const TAGS: [(&str, &str); 7] = [
    ("affiliation", "May this citizen be affiliated with us?"),
    ("documents", "Is this document authentic?"),
    ("tokens", "Tokens for a name and a secret, as clients of the older service know them"),
    ("OAuth", "The same under its standard names"),
    ("discovery", "What a client has to know to find the rest"),
    ("service accounts", "Who may call, for an administrator"),
    ("operations", "For those who run the service, and who write a client"),
];

fn tag((name, description): (&str, &str)) -> Tag {
    openapi::tag::TagBuilder::new().name(name).description(Some(description)).build()
}
