//! How routes call the guard.

use super::{Admitted, Guard, Route};
use crate::subject::Subject;
use crate::token::Caller;
use axum::response::{IntoResponse, Response};
use connectivity_domain::time::Timestamp;
use http::HeaderMap;
use std::future::Future;

impl Guard {
    /// Responds to a request for a route that needs an access token.
    ///
    /// If the guard admits the request, the response is that of `respond`, which is given the
    /// caller. It gets the headers of the rate limit, and the caller's subject for the log line. If
    /// not, the response is the problem of [`Guard::admit`].
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
            Ok(admitted) => admitted.respond(respond).await,
            Err(problem) => problem.into_response(),
        }
    }

    /// Responds to a request that counts as several calls of the rate limit, like [`Guard::guarded`].
    ///
    /// `read` reads the request once the access token was verified, and returns how many calls it
    /// counts. If not all of them are left, the response is a 429 and none is taken. The session is
    /// looked up together with the rate limit.
    pub async fn guarded_calls<T, E, F>(
        &self,
        route: Route,
        headers: &HeaderMap,
        now: impl Fn() -> Timestamp,
        read: impl Future<Output = (u64, T)>,
        respond: impl FnOnce(Caller, T) -> F,
    ) -> Response
    where
        E: IntoResponse,
        F: Future<Output = Result<Response, E>>,
    {
        let caller = match self.authenticate(route, headers, now()).await {
            Ok(caller) => caller,
            Err(problem) => return problem.into_response(),
        };
        let (calls, read) = read.await;
        match self.admit_calls(route, headers, caller, calls, now()).await {
            Ok(admitted) => admitted.respond(|caller| respond(caller, read)).await,
            Err(problem) => problem.into_response(),
        }
    }

    /// Responds to a request for a route that needs no access token and is limited per address.
    ///
    /// `route` is the name under which the requests are counted. If the address has calls left, the
    /// response is that of `respond`, with the headers of the rate limit. If not, the response is
    /// the problem of [`Guard::admit_anonymous`].
    pub async fn rate_limited<E: IntoResponse>(
        &self,
        route: &'static str,
        headers: &HeaderMap,
        now: Timestamp,
        respond: impl Future<Output = Result<Response, E>>,
    ) -> Response {
        match self.admit_anonymous(route, headers, now).await {
            Ok(rate_limit) => rate_limit.add_to(respond.await),
            Err(problem) => problem.into_response(),
        }
    }
}

impl Admitted {
    /// Adds the headers of the rate limit to a response, and the caller's subject for the log line.
    async fn respond<E, F>(self, respond: impl FnOnce(Caller) -> F) -> Response
    where
        E: IntoResponse,
        F: Future<Output = Result<Response, E>>,
    {
        let subject = Subject(self.caller.subject.clone());
        let mut response = self.rate_limit.add_to(respond(self.caller).await);
        response.extensions_mut().insert(subject);
        response
    }
}
