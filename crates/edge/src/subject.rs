//! The subject of a request, for its log line.

/// The subject of the request's access token. A response carries it in its extensions.
#[derive(Clone, Debug)]
pub struct Subject(pub String);
