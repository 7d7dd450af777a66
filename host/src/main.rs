//! Runs a Spin application (spin.toml) on an embedded wasmtime, for tests and for machines without
//! Spin.
//!
//! The host reads the same manifest as `spin up` and runs the same components against the same
//! interfaces, with real databases and real HTTP. It rejects, by name, every manifest key, route
//! and interface that it does not support, and it has no feature that Spin lacks.

mod allowed_hosts;
mod application;
mod bindings;
mod cli;
mod compose;
mod engine;
mod env_file;
pub mod handles;
mod interfaces;
mod manifest;
mod outbound_http;
mod routes;
mod server;
mod single_use;
mod state;
mod template;
mod variables;

use clap::Parser;
use std::process::ExitCode;

/// Calls of components allocate and free on several threads. This allocator is faster at that than the
/// one of the C library.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit status when a setting has to be changed: `EX_USAGE` of sysexits.h.
const MISCONFIGURED: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let options = cli::Options::parse();
    let application = match application::Application::load(&options) {
        Ok(application) => application,
        Err(error) => {
            eprintln!("connectivity-host: {error}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    match server::run(application, &options).await {
        // Exits without dropping the idle instances: each would be reported as a failed one.
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("connectivity-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}
