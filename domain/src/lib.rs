//! The pure rules of the service. No Spin, HTTP, SQL, clock or randomness: `now`, ids and random bits come in.

pub mod access;
pub mod backoff;
pub mod breaker;
pub mod check;
pub mod citizen;
pub mod document;
pub mod page;
pub mod problem;
pub mod registry;
pub mod time;
pub mod trace;
pub mod verdict;
