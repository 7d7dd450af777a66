//! The command line. Where Spin has an option of the same meaning, it has the same name.

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Runs a Spin application on this machine without Spin.
///
/// Values of the application's variables come from --variable, then from the environment (`SPIN_VARIABLE_NAME`), then
/// from a file `.env` in the current folder, then from the manifest's defaults. Give secrets by the environment: arguments can be read by every process.
#[derive(Parser, Debug)]
#[command(version, about)]
pub(crate) struct Options {
    /// The application's manifest.
    #[arg(short = 'f', long = "from", default_value = "spin.toml")]
    pub(crate) manifest: PathBuf,

    /// Where to listen. Port 0 takes a free one; the line "Serving …" tells which.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,

    /// The value of a variable, `name=value`. May be given several times.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,

    /// TOML with the paths of SQLite databases and key-value stores: [`sqlite_database.default`] or
    /// [`key_value_store.default`], type = "spin", path = "…".
    #[arg(long)]
    pub(crate) runtime_config_file: Option<PathBuf>,

    /// SQL that is run on the default database at every start: the text itself, or @file. May be given several times.
    #[arg(long, value_name = "SQL|@FILE")]
    pub(crate) sqlite: Vec<String>,

    /// Where the default database and the compiled components are kept. Default: .spin beside the manifest.
    #[arg(long)]
    pub(crate) state_dir: Option<PathBuf>,

    /// Where the compiled components are kept instead, in a folder `compiled`: hosts with databases of their own may share
    /// it.
    #[arg(long)]
    pub(crate) compiled_dir: Option<PathBuf>,

    /// How many requests one instance serves before it is replaced.
    #[arg(long, default_value_t = 128, value_parser = at_least_one)]
    pub(crate) max_instance_reuse_count: usize,

    /// How many requests one instance serves at once.
    #[arg(long, default_value_t = 16, value_parser = at_least_one)]
    pub(crate) max_instance_concurrent_reuse_count: usize,

    /// How long an instance without a request is kept, such as 500ms or 30s.
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub(crate) idle_instance_timeout: Duration,

    /// How long a request may take before its caller gets a 504.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) request_timeout: Duration,

    /// How long a component may compute without pausing before it is stopped and its caller gets a 500.
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub(crate) max_busy: Duration,

    /// How long requests in work may take to finish after SIGTERM or SIGINT.
    #[arg(long, default_value = "20s", value_parser = duration)]
    pub(crate) grace: Duration,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| "must be a whole number from 1".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    let total = number.zip(milliseconds).and_then(|(number, unit)| number.checked_mul(unit));
    total.map(Duration::from_millis).ok_or_else(|| "must look like 500ms, 30s or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_or_refused() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("2m", Some(120_000)),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
    }
}
