//! Host bindings of the `spin:*` interfaces, generated from the WIT of spin-sdk (see build.rs).

#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::allow_attributes, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
