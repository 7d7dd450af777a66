//! The subject of a request and the records that it made, for its log line.

use axum::response::Response;

/// The subject of the request's access token. A response carries it in its extensions.
#[derive(Clone, Debug)]
pub struct Subject(pub String);

/// The id of the record that the request made. A response carries it in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RecordId(pub(crate) String);

/// The number of records that a request made which is about several. A response carries it in its
/// extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordCount(pub(crate) usize);

/// Adds the number of records that the request made to its response, for the log line.
pub fn with_records(mut response: Response, count: usize) -> Response {
    response.extensions_mut().insert(RecordCount(count));
    response
}

/// Adds the id of the record that the request made to its response, for the log line.
pub fn with_record(mut response: Response, id: &str) -> Response {
    response.extensions_mut().insert(RecordId(id.to_owned()));
    response
}
