//! The GovCarpeta simulator as a program.

use clap::Parser;
use govcarpeta_simulator::Simulator;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// Simulates the GovCarpeta registry over HTTP. It is NOT the registry: its answers are made up.
///
/// A citizen id that ends in an even digit belongs to no operator (204), one that ends in an odd
/// digit is affiliated (200). Every document is authentic.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// The address to listen on. Port 0 takes a free port.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The delay before every answer, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let simulator = Simulator::listen(options.listen, Duration::from_millis(options.latency_ms), false).await?;
    writeln!(std::io::stdout(), "GovCarpeta SIMULATOR (not the registry) listening on {}", simulator.url())?;
    tokio::signal::ctrl_c().await
}
