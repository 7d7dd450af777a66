//! Schemas and headers that the OpenAPI document uses in several places.

use connectivity_domain::page::Page;
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// Returns the schema of a string that is one of `texts`.
pub fn one_of(texts: &[impl AsRef<str>], description: &str) -> RefOr<Schema> {
    let texts = texts.iter().map(AsRef::as_ref);
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).enum_values(Some(texts)).into()
}

/// Returns a header whose value is a string.
pub fn text_header(description: &str) -> Header {
    HeaderBuilder::new().schema(String::schema()).description(Some(description)).build()
}

/// Returns a header whose value is a positive number of seconds.
pub fn seconds_header(description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    HeaderBuilder::new().schema(schema).description(Some(description)).build()
}

/// Returns the schema of the query parameter `page`.
pub fn page() -> RefOr<Schema> {
    let page = ObjectBuilder::new().schema_type(Type::Integer).default(Some(1.into()));
    page.minimum(Some(1)).maximum(Some(Page::MAX_NUMBER)).into()
}

/// Returns the schema of the query parameter `page_size`.
pub fn page_size() -> RefOr<Schema> {
    let size = ObjectBuilder::new().schema_type(Type::Integer).default(Some(Page::DEFAULT_SIZE.into()));
    size.minimum(Some(1)).into()
}
