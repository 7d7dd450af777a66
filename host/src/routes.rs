//! Which component answers a path. Exact beats `:parameter` beats `/...`; a trailing slash does not matter.

/// One step of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    // In the order of preference.
    Exact(String),
    Parameter,
    Rest,
}

/// Routes to components.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    routes: Vec<(Vec<Segment>, String, String)>,
}

impl Routes {
    /// Adds a route.
    pub(crate) fn add(&mut self, route: &str, component: &str) {
        let mut segments: Vec<_> = segments(route)
            .map(|segment| match segment {
                "..." => Segment::Rest,
                parameter if parameter.starts_with(':') => Segment::Parameter,
                exact => Segment::Exact(exact.to_owned()),
            })
            .collect();
        segments.shrink_to_fit();
        self.routes.push((segments, route.to_owned(), component.to_owned()));
    }

    /// The route and component for a path.
    pub(crate) fn find(&self, path: &str) -> Option<(&str, &str)> {
        let path: Vec<_> = segments(path).collect();
        let matching = self.routes.iter().filter(|(route, ..)| matches(route, &path));
        let best = matching.min_by(|(left, ..), (right, ..)| kinds(left).cmp(kinds(right)))?;
        Some((&best.1, &best.2))
    }

    /// All routes with their components.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.routes.iter().map(|(_, route, component)| (route.as_str(), component.as_str()))
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn kinds(route: &[Segment]) -> impl Iterator<Item = u8> {
    route.iter().map(|segment| match segment {
        Segment::Exact(_) => 0,
        Segment::Parameter => 1,
        Segment::Rest => 2,
    })
}

fn matches(route: &[Segment], path: &[&str]) -> bool {
    match route {
        [] => path.is_empty(),
        [Segment::Rest, ..] => true,
        [Segment::Parameter, route @ ..] => !path.is_empty() && matches(route, &path[1..]),
        [Segment::Exact(exact), route @ ..] => path.first() == Some(&exact.as_str()) && matches(route, &path[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_route_answers() {
        let mut routes = Routes::default();
        for route in ["/...", "/a/...", "/a/:id", "/a/b", "/c"] {
            routes.add(route, route);
        }
        for (path, expected) in [
            ("/", "/..."),
            ("/x/y", "/..."),
            ("/a", "/a/..."),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b"),
            ("/a/x", "/a/:id"),
            ("/a/x/y", "/a/..."),
            ("/c", "/c"),
            ("/c/", "/c"),
            ("/c/d", "/..."),
        ] {
            assert_eq!(routes.find(path).map(|(route, _)| route), Some(expected), "{path}");
        }
        let mut only = Routes::default();
        only.add("/a", "a");
        assert_eq!(only.find("/b"), None);
    }
}
