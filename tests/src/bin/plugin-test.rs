//! Runs the conformance suite on a registry plugin. Run it with `cargo xtask plugin-test`.

use clap::Parser;
use connectivity_tests::plugin::{Subject, test};
use std::path::PathBuf;
use std::process::ExitCode;

/// Tests a registry plugin: its imports and exports, its settings, and its answers.
///
/// A plugin that asks its registry over HTTP is tested against the registry simulator, whose
/// address it gets as `registry_url`: it answers like the GovCarpeta API. Name the citizens that a
/// plugin for another registry knows with the options.
#[derive(Parser)]
struct Arguments {
    /// The plugin: a WebAssembly component that exports a capability of connectivity:registry.
    file: PathBuf,
    /// A setting of the plugin, as name=value. Repeat it for several.
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    /// A setting with a value that the plugin has to refuse, as name=value.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    invalid: Option<(String, String)>,
    /// A citizen without an operator.
    #[arg(long, value_name = "ID", default_value = "1128456232")]
    eligible: String,
    /// A citizen whom an operator has affiliated.
    #[arg(long, value_name = "ID", default_value = "1128456233")]
    affiliated: String,
    /// A citizen about whom the plugin has no verdict.
    #[arg(long, value_name = "ID")]
    unavailable: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { file, settings, invalid, eligible, affiliated, unavailable } = Arguments::parse();
    if let Err(cause) = std::fs::metadata(&file) {
        eprintln!("{}: {cause}", file.display());
        return ExitCode::from(2);
    }
    let report = test(&Subject { file, settings, invalid, eligible, affiliated, unavailable }).await;
    for line in &report.lines {
        println!("{line}");
    }
    let failed = report.failures().len();
    println!("{} passed, {failed} failed", report.lines.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
