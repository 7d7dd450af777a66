//! Finds the component that serves a path. An exact route wins over `/...`, a longer one over a
//! shorter one, and a trailing slash is ignored.

/// A route that this host does not support.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the route {0:?} is not supported: only exact routes and a final /... are, without :parameter segments")]
pub(crate) struct UnsupportedRoute(String);

/// Routes to components.
#[derive(Debug, Default)]
pub(crate) struct Routes(Vec<Route>);

#[derive(Debug)]
struct Route {
    /// The route as the manifest has it.
    text: String,
    component: String,
    segments: Vec<String>,
    /// Whether the route ends in `/...`.
    wildcard: bool,
}

impl Route {
    fn matches(&self, path: &[&str]) -> bool {
        let (own, length) = (&self.segments, self.segments.len());
        path.get(..length).is_some_and(|start| start == own) && (self.wildcard || path.len() == length)
    }
}

impl Routes {
    /// Adds a route.
    pub(crate) fn add(&mut self, route: &str, component: &str) -> Result<(), UnsupportedRoute> {
        let mut segments: Vec<String> = segments(route).map(str::to_owned).collect();
        let wildcard = segments.pop_if(|last| last == "...").is_some();
        if segments.iter().any(|segment| segment.starts_with(':') || segment == "...") {
            return Err(UnsupportedRoute(route.to_owned()));
        }
        self.0.push(Route { text: route.to_owned(), component: component.to_owned(), segments, wildcard });
        Ok(())
    }

    /// Returns the route and the component for a path.
    pub(crate) fn find(&self, path: &str) -> Option<(&str, &str)> {
        let path: Vec<_> = segments(path).collect();
        let matching = self.0.iter().filter(|route| route.matches(&path));
        let best = matching.max_by_key(|route| (route.segments.len(), !route.wildcard))?;
        Some((&best.text, &best.component))
    }

    /// Returns all routes with their components.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|route| (route.text.as_str(), route.component.as_str()))
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_route_wins() {
        let mut routes = Routes::default();
        for route in ["/...", "/a/...", "/a/b", "/c"] {
            routes.add(route, route).expect("a supported route");
        }
        for (path, expected) in [
            ("/", "/..."),
            ("/x/y", "/..."),
            ("/a", "/a/..."),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b"),
            ("/a/x", "/a/..."),
            ("/a/b/c", "/a/..."),
            ("/c", "/c"),
            ("/c/", "/c"),
            ("/c/d", "/..."),
        ] {
            assert_eq!(routes.find(path).map(|(route, _)| route), Some(expected), "{path}");
        }
        let mut only = Routes::default();
        only.add("/a", "a").expect("a supported route");
        assert_eq!(only.find("/b"), None);
    }

    #[test]
    fn parameters_and_inner_wildcards_are_rejected_by_name() {
        for route in ["/a/:id", "/:id/b", "/.../b"] {
            let error = Routes::default().add(route, "a").expect_err("unsupported").to_string();
            assert!(error.contains(route), "{error}");
        }
    }
}
