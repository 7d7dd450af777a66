//! Helpers for the black-box tests: servers, the application on a host, clients, and collectors of
//! what it publishes.
//!
//! Each helper panics when one of its steps fails, which fails the test.
#![expect(missing_docs, clippy::missing_panics_doc, reason = "a library of this repository's tests only")]

pub mod access;
pub mod audit;
pub mod backend;
pub mod bench;
pub mod bridge;
pub mod broker;
pub mod build;
pub mod certificates;
pub mod check;
pub mod client;
pub mod documented;
pub mod dummy_job;
pub mod folder;
pub mod host;
pub mod issuer;
pub mod logs;
pub mod manifest;
pub mod memory;
pub mod otlp;
pub mod own;
pub mod peer;
pub mod pipeline;
pub mod plugin;
pub mod prometheus;
pub mod proxy;
pub mod rabbitmqctl;
pub mod raw_publisher;
pub mod raw_registry;
pub mod rig;
pub mod servers;
pub mod small_disk;
mod spin;
