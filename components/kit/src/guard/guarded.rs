//! How routes call the guard.

use super::{Admitted, Guard, Route};
use crate::answer::Subject;
use crate::token::Caller;
use axum::response::{IntoResponse, Response};
use connectivity_domain::time::Timestamp;
use http::HeaderMap;
use std::future::Future;

impl Guard {
    /// Responds to a request for a route that needs an access token.
    ///
    /// If the guard admits the caller, the response is what `respond` returns for it, with the headers of its rate
    /// limit, and with its subject for the log. If not, the response is the problem of [`Guard::admit`].
    pub async fn guarded<E, F>(
        &self,
        route: Route,
        headers: &HeaderMap,
        now: Timestamp,
        respond: impl FnOnce(Caller) -> F,
    ) -> Response
    where
        E: IntoResponse,
        F: Future<Output = Result<Response, E>>,
    {
        match self.admit(route, headers, now).await {
            Ok(Admitted { caller, allowance }) => {
                let subject = Subject(caller.subject.clone());
                let mut response = allowance.answer(respond(caller).await);
                response.extensions_mut().insert(subject);
                response
            }
            Err(problem) => problem.into_response(),
        }
    }

    /// Responds to a request for a route that needs no access token and is limited per address.
    ///
    /// `route` is the name under which the requests are counted. If the address has calls left, the response is that of
    /// `respond`, with the headers of its rate limit. If not, the response is the problem of [`Guard::anonymous`].
    pub async fn rate_limited<E: IntoResponse>(
        &self,
        route: &'static str,
        headers: &HeaderMap,
        now: Timestamp,
        respond: impl Future<Output = Result<Response, E>>,
    ) -> Response {
        match self.anonymous(route, headers, now).await {
            Ok(allowance) => allowance.answer(respond.await),
            Err(problem) => problem.into_response(),
        }
    }
}
