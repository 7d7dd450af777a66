//! What a registry plugin over HTTP needs, so that the plugin itself is a table from HTTP responses
//! to verdicts.
//!
//! [`exchange`] sends one request within a deadline, [`body`] keeps the response's body as
//! evidence, and [`call`] repeats attempts until the plugin's table says that a response is final.
//!
//! It depends on `connectivity-domain` and `connectivity-runtime`. It never decides what a status
//! means, opens no database or cache connection, and uses neither axum nor JSON Web Tokens.

pub mod body;
pub mod call;
mod cause;
pub mod exchange;
