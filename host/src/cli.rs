//! The command line. An option that Spin has too has the same name and meaning.

use clap::Parser;
use humantime::parse_duration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Runs a Spin application on this machine without Spin.
///
/// The value of an application variable is taken from --variable, else from the environment
/// (`SPIN_VARIABLE_NAME`), else from the file `.env` in the current folder, else from the
/// manifest's default. Pass secrets in the environment: other processes can read the command line.
///
/// Servers with TLS must have a certificate of one of the system's authorities (`SSL_CERT_FILE` and
/// `SSL_CERT_DIR` replace them), or of one in the PEM file that `TLS_CA_FILE` names.
#[derive(Parser, Debug)]
#[command(version, about)]
pub(crate) struct Options {
    /// The application's manifest.
    #[arg(short = 'f', long = "from", default_value = "spin.toml")]
    pub(crate) manifest: PathBuf,

    /// The address to listen on. With port 0 the system chooses a free port; the line "Serving …"
    /// prints it.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,

    /// The value of an application variable. Can be repeated.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,

    /// A TOML file with the paths of SQLite databases: [`sqlite_database.default`], type = "spin",
    /// path = "…".
    #[arg(long)]
    pub(crate) runtime_config_file: Option<PathBuf>,

    /// SQL to run on the default SQLite database at every start: the statements themselves, or
    /// @file. Can be repeated.
    #[arg(long, value_name = "SQL|@FILE")]
    pub(crate) sqlite: Vec<String>,

    /// The folder of the default SQLite database and of the compiled components [default: .spin
    /// beside the manifest].
    #[arg(long)]
    pub(crate) state_dir: Option<PathBuf>,

    /// The folder that holds the folder `compiled` of the compiled components, if not the state
    /// folder. Several hosts can share it.
    #[arg(long)]
    pub(crate) compiled_dir: Option<PathBuf>,

    /// The number of requests that an instance serves before it is replaced.
    #[arg(long, default_value_t = 128, value_parser = at_least_one)]
    pub(crate) max_instance_reuse_count: usize,

    /// The number of requests that an instance serves at the same time.
    #[arg(long, default_value_t = 16, value_parser = at_least_one)]
    pub(crate) max_instance_concurrent_reuse_count: usize,

    /// How long an idle instance is kept, such as 500ms or 30s.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    pub(crate) idle_instance_timeout: Duration,

    /// How long a request may take before the caller gets status 504.
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    pub(crate) request_timeout: Duration,

    /// How long a component may compute without a pause before its instance is stopped and the
    /// caller gets status 500.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub(crate) max_busy: Duration,

    /// The number of instances that each component has at most. Each may have one connection to the
    /// database. Requests that find no room in them wait.
    #[arg(long, default_value_t = 32, value_parser = at_least_one)]
    pub(crate) max_instances: usize,

    /// How long requests are still accepted after SIGTERM. The responses close their connections, so
    /// that a proxy sends its next request elsewhere.
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    pub(crate) drain: Duration,

    /// How long requests in progress may take to finish after that, or after SIGINT. The longest
    /// call of the registry takes 20 seconds with the default settings.
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub(crate) grace: Duration,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| "must be a whole number, 1 or more".to_owned())
}
