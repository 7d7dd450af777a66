//! What is the same for every operation: the security schemes, and the headers of every response.

use crate::problem::ProblemBody;
use crate::schema::text_header;
use connectivity_domain::access::Scope;
use utoipa::openapi::security::{
    ClientCredentials, Flow, Http, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
};
use utoipa::openapi::{OpenApi, RefOr, Response};
use utoipa::{Modify, PartialSchema, ToSchema};

/// The name of the security scheme for access tokens.
pub const BEARER: &str = "bearer";

/// The name of the security scheme that says how a client gets an access token.
pub const OAUTH2: &str = "oauth2";

/// The name of the security scheme for a client's name and secret.
pub const BASIC: &str = "client";

/// Adds to a document what is the same for every operation in it.
pub struct CommonParts;

impl Modify for CommonParts {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
        for (name, scheme) in schemes() {
            components.add_security_scheme(name, scheme);
        }
        for path in document.paths.paths.values_mut() {
            let operations = [&mut path.get, &mut path.post, &mut path.patch, &mut path.delete]
                .into_iter()
                .filter_map(Option::as_mut);
            for operation in operations {
                let rate_limited = operation.responses.responses.contains_key("429");
                for (status, answer) in &mut operation.responses.responses {
                    if let RefOr::T(answer) = answer {
                        add_headers(answer, rate_limited && !["401", "403", "413"].contains(&status.as_str()));
                    }
                }
            }
        }
    }
}

fn add_headers(answer: &mut Response, rate_limited: bool) {
    let mut add = |name: &str, description: &str| answer.headers.insert(name.to_owned(), text_header(description));
    add(
        "X-Request-Id",
        "The request's id in the log: the `X-Request-Id` of the request if it is well-formed, otherwise a new id",
    );
    if rate_limited {
        add("RateLimit-Policy", "The rate limit, if the request was counted: `q` requests in a window of `w` seconds");
        add("RateLimit", "What remains of the rate limit: `r` requests until the window ends in `t` seconds");
    }
}

fn schemes() -> [(&'static str, SecurityScheme); 3] {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(
        "An access token from `POST /oauth/token` or `POST /api/v1/token/` that has the required scope",
    ));
    let scopes = Scope::ALL.map(|scope| (scope.as_str(), purpose(scope)));
    let flow = Flow::ClientCredentials(ClientCredentials::new("/oauth/token", Scopes::from_iter(scopes)));
    let client = Http::builder()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("The name and the secret of a service account (RFC 6749 section 2.3.1)"));
    let oauth2 = OAuth2::with_description(
        [flow],
        "The same token, with the flow by which a client gets it (RFC 6749 section 4.4)",
    );
    [
        (BEARER, SecurityScheme::Http(bearer.build())),
        (OAUTH2, SecurityScheme::OAuth2(oauth2)),
        (BASIC, SecurityScheme::Http(client.build())),
    ]
}

fn purpose(scope: Scope) -> &'static str {
    match scope {
        Scope::Admin => "manage service accounts",
        Scope::Affiliation => "check citizens and list past checks",
        Scope::Bridge => "deliver messages and publish events; only for the bridge",
        Scope::Documents => "authenticate documents and list past authentications",
    }
}
