//! The GovCarpeta simulator as a program.

use clap::Parser;
use connectivity_tests::simulator::Simulator;
use std::net::SocketAddr;
use std::time::Duration;

/// Simulates the GovCarpeta registry over HTTP. It is NOT the registry: what it says is made up.
///
/// An id that ends in an even digit is nobody's (204), one that ends in an odd digit is affiliated (200).
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Where to listen. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long every answer takes, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let simulator = Simulator::listen(options.listen, Duration::from_millis(options.latency_ms), false).await?;
    println!("GovCarpeta SIMULATOR (not the registry) listening on {}", simulator.url());
    tokio::signal::ctrl_c().await
}
