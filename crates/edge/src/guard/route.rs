//! A route, as the guard sees it.

/// A route that needs an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub(super) name: &'static str,
    pub(super) scope: Option<&'static str>,
    pub(super) has_rate_limit: bool,
}

impl Route {
    /// Creates a route for tokens with this scope. Its requests are counted under `name`, and
    /// limited by `throttle_user`.
    ///
    /// ```
    /// use connectivity_edge::guard::Route;
    ///
    /// const CHECK: Route = Route::new("check", "affiliation");
    /// ```
    pub const fn new(name: &'static str, scope: &'static str) -> Self {
        Self { name, scope: Some(scope), has_rate_limit: true }
    }

    /// Creates a route for tokens with any scope. Its requests are limited by `throttle_user`.
    pub const fn for_any_scope(name: &'static str) -> Self {
        Self { name, scope: None, has_rate_limit: true }
    }

    /// Creates a route for tokens with this scope, without a rate limit.
    pub const fn without_rate_limit(name: &'static str, scope: &'static str) -> Self {
        Self { name, scope: Some(scope), has_rate_limit: false }
    }
}
