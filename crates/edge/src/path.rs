//! Parameters in paths.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;

/// Returns the text in a path. It is empty if the path is not UTF-8: like an empty text, it names
/// nothing.
pub fn in_path(text: Result<Path<String>, PathRejection>) -> String {
    text.map(|Path(text)| text).unwrap_or_default()
}
