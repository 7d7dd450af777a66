//! Runs spin.toml on an embedded wasmtime where no Spin is installed: for tests and a first look.
//!
//! A small, honest stand-in for `spin up`: the same manifest, the same components, the same interfaces, nothing
//! simulated. What it does not support it refuses, by name. It never grows features that Spin lacks.

mod allowed_hosts;
mod application;
mod bindings;
mod cli;
mod compose;
mod engine;
pub mod interfaces;
mod manifest;
mod outbound_http;
mod routes;
mod server;
mod template;
mod variables;

use clap::Parser;
use std::process::ExitCode;

/// `EX_CONFIG`-like: the operator has to change a setting (sysexits.h has 78 for files, 64 for usage; one will do).
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
        // Idle instances end with the process; taken down one by one they would be reported as failed.
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("connectivity-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}
