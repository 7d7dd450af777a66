//! What the black-box tests need: a registry to ask, servers to use, a host to run, a client to call with.

pub mod access;
pub mod bench;
pub mod broker;
pub mod check;
pub mod client;
pub mod host;
pub mod issuer;
pub mod logs;
pub mod otlp;
pub mod pipeline;
pub mod prometheus;
pub mod proxy;
pub mod servers;
mod spin;
