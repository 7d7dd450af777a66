//! How the OpenAPI document describes the errors of `/oauth/…`.

use crate::oauth_error::ErrorBody;
use connectivity_edge::openapi::{ProblemResponses, RouteProblems};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use utoipa::openapi::{Content, Ref, RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

const BAD_REQUEST: &str = "A parameter is missing, repeated or invalid";
const BAD_CLIENT: &str = "`invalid_client`: the client id or the secret is wrong, or the client is disabled";

/// The responses for the errors of the protocol and for the problems of the service.
pub(crate) struct OAuthProblemResponses<P>(PhantomData<P>);

impl<P: RouteProblems> IntoResponses for OAuthProblemResponses<P> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = ProblemResponses::<P>::responses();
        for (status, description) in [("400", BAD_REQUEST), ("401", BAD_CLIENT)] {
            let content = Content::new(Some(Ref::from_schema_name(ErrorBody::name())));
            let mut answer = match responses.remove(status) {
                Some(RefOr::T(problem)) => problem,
                Some(RefOr::Ref(_)) | None => Response::default(),
            };
            let parts = [description, &answer.description];
            answer.description = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". ");
            answer.content.insert("application/json".into(), content);
            responses.insert(status.into(), RefOr::T(answer));
        }
        responses
    }
}
