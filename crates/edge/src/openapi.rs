//! What the OpenAPI document says of problems, and what it says of every operation.

mod common;

pub use common::{BASIC, BEARER, CommonParts, OAUTH2};

use crate::problem::{ProblemBody, urn};
use crate::schema::{seconds_header, text_header};
use connectivity_domain::problem::ProblemKind;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use utoipa::openapi::schema::{AllOf, ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// The problems that a route can answer with.
pub trait RouteProblems {
    /// The problems of the route itself.
    const KINDS: &'static [ProblemKind];
    /// Whether the route is behind the guard. If it is, the guard's problems are added.
    const GUARDED: bool = true;
}

/// The problems that the guard answers with.
const GUARD_PROBLEMS: [ProblemKind; 6] = [
    ProblemKind::Unauthenticated,
    ProblemKind::InvalidToken,
    ProblemKind::Forbidden,
    ProblemKind::TooManyRequests,
    ProblemKind::StorageUnavailable,
    ProblemKind::NotReady,
];

/// The responses for the problems of a route: one for each status.
pub struct ProblemResponses<P>(PhantomData<P>);

impl<P: RouteProblems> IntoResponses for ProblemResponses<P> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
        let possible = |kind: &ProblemKind| P::KINDS.contains(kind) || (P::GUARDED && GUARD_PROBLEMS.contains(kind));
        for kind in ProblemKind::ALL.into_iter().filter(possible) {
            by_status.entry(kind.status()).or_default().push(kind);
        }
        by_status.into_iter().map(|(status, kinds)| (status.to_string(), RefOr::T(response(status, &kinds)))).collect()
    }
}

/// The media type of problems (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

fn response(status: u16, kinds: &[ProblemKind]) -> Response {
    let titles = kinds.iter().map(|kind| format!("`{}`: {}", kind.slug(), kind.title())).collect::<Vec<_>>();
    let answer = ResponseBuilder::new().description(titles.join(". ")).content(PROBLEM_JSON, content(kinds));
    let answer = match status {
        401 | 403 => answer.header(
            "WWW-Authenticate",
            text_header("Which authentication is needed, and what was wrong (RFC 6750 section 3)"),
        ),
        409 | 429 | 503 => {
            let description = "After how many seconds to try again (RFC 9110 section 10.2.3)";
            answer.header("Retry-After", seconds_header(description))
        }
        _ => answer,
    };
    answer.build()
}

/// The body of these problems: the schema of all problems, with only these types.
fn content(kinds: &[ProblemKind]) -> Content {
    let types = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds.iter().map(|kind| urn(*kind))));
    let schema = AllOf::builder()
        .item(Ref::from_schema_name(ProblemBody::name()))
        .item(ObjectBuilder::new().property("type", types));
    Content::builder().schema(Some(schema)).build()
}
