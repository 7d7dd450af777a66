//! Schemas and headers that the OpenAPI document uses in several places.

use connectivity_domain::page::Page;
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, OneOf, Schema, Type};

/// Returns the schema of a string that is one of `texts`.
pub fn one_of(texts: &[impl AsRef<str>], description: &str) -> RefOr<Schema> {
    let texts = texts.iter().map(AsRef::as_ref);
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).enum_values(Some(texts)).into()
}

/// Returns the schema of a citizen's id in a request: a whole number or a string.
pub fn citizen_id() -> RefOr<Schema> {
    let number =
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(100_000)).maximum(Some(999_999_999_999_u64));
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^\s*0*[1-9][0-9]{5,11}\s*$"));
    let description = "6 to 12 digits, as a number or a string. White space around them and leading zeros are ignored";
    OneOf::builder().item(number).item(text).description(Some(description)).into()
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
