//! What the routes of all components say alike in the API's document. Outside of wasm alone: it is written, not served,
//! from here.

mod everywhere;

pub use everywhere::{BASIC, BEARER, Everywhere, OAUTH2};

use crate::problem::{ProblemBody, urn};
use connectivity_domain::page::Page;
use connectivity_domain::problem::ProblemKind;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{AllOf, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

/// The problems that a route answers with.
pub trait Problems {
    /// Those of the route itself.
    const KINDS: &'static [ProblemKind];
    /// Is it behind the guard? Then what the guard answers comes with them.
    const GUARDED: bool = true;
}

/// What a caller hears of the guard.
const OF_THE_GUARD: [ProblemKind; 6] = [
    ProblemKind::Unauthenticated,
    ProblemKind::InvalidToken,
    ProblemKind::Forbidden,
    ProblemKind::TooManyRequests,
    ProblemKind::StorageUnavailable,
    ProblemKind::NotReady,
];

/// The answers that tell of those problems: one for each status.
pub struct Refusals<P>(PhantomData<P>);

impl<P: Problems> IntoResponses for Refusals<P> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
        let answered = |kind: &ProblemKind| P::KINDS.contains(kind) || (P::GUARDED && OF_THE_GUARD.contains(kind));
        for kind in ProblemKind::ALL.into_iter().filter(answered) {
            by_status.entry(kind.status()).or_default().push(kind);
        }
        by_status.into_iter().map(|(status, kinds)| (status.to_string(), RefOr::T(response(status, &kinds)))).collect()
    }
}

/// The media type of problems (RFC 9457).
pub const PROBLEM: &str = "application/problem+json";

fn response(status: u16, kinds: &[ProblemKind]) -> Response {
    let titles = kinds.iter().map(|kind| format!("`{}`: {}", kind.slug(), kind.title())).collect::<Vec<_>>();
    let answer = ResponseBuilder::new().description(titles.join(". ")).content(PROBLEM, problem(kinds));
    let answer = match status {
        401 | 403 => answer.header("WWW-Authenticate", text("What would be needed (RFC 6750 section 3)")),
        409 | 429 | 503 => answer.header("Retry-After", seconds()),
        _ => answer,
    };
    answer.build()
}

/// The body of these problems: of all problems, with these types alone.
pub fn problem(kinds: &[ProblemKind]) -> Content {
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds.iter().map(|kind| urn(*kind))));
    let schema = AllOf::builder()
        .item(Ref::from_schema_name(ProblemBody::name()))
        .item(ObjectBuilder::new().property("type", names));
    Content::builder().schema(Some(schema)).build()
}

/// The schema of a problem's `type`.
pub(crate) fn names() -> RefOr<Schema> {
    one_of(&ProblemKind::ALL.map(urn), "Which kind of problem it is. Stable: programs may go by it")
}

/// The schema of a text that is one of these.
pub fn one_of(texts: &[impl AsRef<str>], description: &str) -> RefOr<Schema> {
    let texts = texts.iter().map(AsRef::as_ref);
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).enum_values(Some(texts)).into()
}

/// A header of text.
pub(crate) fn text(description: &str) -> Header {
    HeaderBuilder::new().schema(String::schema()).description(Some(description)).build()
}

fn seconds() -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let description = "In how many seconds asking again makes sense (RFC 9110 section 10.2.3)";
    HeaderBuilder::new().schema(schema).description(Some(description)).build()
}

/// The schema of the parameter `page`.
pub fn page() -> RefOr<Schema> {
    let page = ObjectBuilder::new().schema_type(Type::Integer).default(Some(1.into()));
    page.minimum(Some(1)).maximum(Some(Page::MAX_NUMBER)).into()
}

/// The schema of the parameter `page_size`.
pub fn page_size() -> RefOr<Schema> {
    let size = ObjectBuilder::new().schema_type(Type::Integer).default(Some(Page::DEFAULT_SIZE.into()));
    size.minimum(Some(1)).into()
}
