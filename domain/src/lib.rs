//! The rules of the service, as pure functions and small ports.
//!
//! This crate does no I/O and reads neither the clock nor a source of randomness: callers pass the
//! time, ids and random bits in. It knows nothing of Spin, HTTP servers or SQL.

pub mod access;
pub mod audit;
pub mod backoff;
pub mod breaker;
pub mod check;
pub mod citizen;
pub mod document;
pub mod holdings;
pub mod job;
pub mod page;
pub mod problem;
pub mod registry;
pub mod retention;
pub mod time;
pub mod trace;
pub mod verdict;
