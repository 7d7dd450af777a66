//! Document authentication: the job that asks whether a document is authentic.

mod request;
mod submission;
mod url;

pub use request::{Authenticity, DocumentRequest};
pub use submission::{RequestError, Submission};
pub use url::DocumentUrl;

/// The record of a document authentication (records contract, `document_authentications`).
pub type DocumentRecord = crate::job::Record<DocumentRequest>;

#[cfg(test)]
mod tests;
