//! The command line.

use crate::commands::{Format, MAX_BATCH};
use crate::job;
use crate::settings::table::{self, help};
use clap::{Args, Parser, Subcommand, value_parser};
use connectivity_domain::access::AccountName;
use connectivity_domain::citizen::CitizenId;
use std::path::PathBuf;
use std::time::Duration;

/// Connects RabbitMQ with the components: delivers requests to them and publishes their results.
///
/// The settings are environment variables. The --help of each command lists those that it reads.
#[derive(Parser)]
#[command(version, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Runs until SIGTERM or SIGINT, then finishes the messages in progress.
    #[command(after_long_help = run_help())]
    Run,
    /// Applies the schema migrations that a MySQL or MariaDB database is missing. Running it again
    /// changes nothing.
    Migrate {
        /// mysql://user:password@host:port/database, with ?ssl-mode=REQUIRED for TLS (the variable
        /// `TLS_CA_FILE` names a file with further certification authorities). Prefer the variable:
        /// other users can read arguments.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
    },
    /// Publishes requests, one JSON object per line, from a file or from standard input. Publishes
    /// none of them if a line is not a JSON object. Publishing a file again repeats no request.
    ///
    /// Example: {"idCitizen": 1128456232, "UrlDocument": "https://…/file.pdf", "documentTitle":
    /// "Diploma"}
    #[command(after_long_help = rabbitmq_help())]
    Publish {
        #[command(flatten)]
        job: JobName,
        /// The file. Default: standard input.
        file: Option<PathBuf>,
    },
    /// Consumes results of a job and prints message id, status and success of each.
    #[command(after_long_help = rabbitmq_help())]
    Results {
        #[command(flatten)]
        job: JobName,
        /// The queue. It is declared and bound if it does not exist.
        #[arg(long, default_value = "connectivity.results")]
        queue: String,
        /// The routing key of successes. Default: that of the job, such as
        /// document.authentication.ready.
        #[arg(long)]
        ready_key: Option<String>,
        /// The routing key of all other results. Default: that of the job, such as
        /// document.authentication.failure.
        #[arg(long)]
        failure_key: Option<String>,
    },
    /// Lists, replays or removes the messages of a job's dead-letter queue.
    #[command(subcommand)]
    Dlq(Dlq),
    /// Declares the exchange and the queues of all jobs, and prints their state.
    #[command(after_long_help = rabbitmq_help())]
    Topology,
    /// Creates and changes service accounts through the components' API.
    #[command(subcommand)]
    ServiceAccount(ServiceAccount),
    /// Checks the citizens in a file: may they be affiliated? Writes a row for each id to a results
    /// file.
    ///
    /// Verdicts that are in the results file already are kept and not asked for again. So a run that was
    /// interrupted goes on when the same command is run again. The rate limit of the account is obeyed:
    /// each id counts one call. While the components or the registry do not answer, the command waits.
    #[command(after_long_help = check_help())]
    Check {
        /// The file: one id a line, or CSV with commas, semicolons or tabs. A header is recognised.
        file: PathBuf,
        /// The results file. Default: beside the file, such as citizens.csv.results.csv.
        #[arg(long, short)]
        output: Option<PathBuf>,
        /// The format of the results.
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
        /// The column with the ids: its name in the header, or its number. Default: the only column,
        /// the only one with an id in the first line, or one with a usual name, such as `citizen_id`.
        #[arg(long)]
        column: Option<String>,
        /// How many ids are sent in one request.
        #[arg(long, default_value_t = MAX_BATCH, value_parser = value_parser!(i64).range(1..=MAX_BATCH))]
        batch: i64,
        /// After what time without a verdict the command ends.
        #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
        give_up_after: Duration,
    },
    /// Shows or erases everything that is held about one citizen.
    #[command(subcommand)]
    Citizen(Citizen),
    /// Deletes the records that are older than the settings `retention_*` of the components say, and
    /// prints how many there were. `run` does this once an hour.
    #[command(after_long_help = bridge_help())]
    Retention,
    /// Asks the bridge on this machine whether it is ready, at the port of `BRIDGE_LISTEN`. Ends with 0
    /// if it is, and else with 1.
    #[command(after_long_help = help(&[table::HEALTH, table::LOG]))]
    Health,
    /// Generates a key pair that signs access tokens: prints the value of `jwt_signing_key` to
    /// standard output, and the key set to add to `jwt_public_keys` to standard error.
    SigningKey,
}

/// The job whose queues a command works with.
#[derive(Args)]
pub(crate) struct JobName {
    /// The name of the job.
    #[arg(long = "job", default_value = job::DOCUMENTS)]
    pub(crate) name: String,
}

#[derive(Subcommand)]
pub(crate) enum ServiceAccount {
    /// Creates an account and prints its secret, which is not shown again.
    #[command(after_long_help = admin_help())]
    Create {
        /// The name: letters, digits, '.', '_' and '-'.
        #[arg(value_parser = account_name)]
        name: AccountName,
        /// What the account may do: affiliation, documents, bridge or admin. Can be repeated.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// How many calls the account may make: such as 1000/hour (second, minute, hour or day), or
        /// off. Default: the setting `throttle_user` of the components.
        #[arg(long)]
        rate_limit: Option<String>,
    },
    /// Lists all accounts: scopes, state, and when their secrets were made and last used.
    #[command(after_long_help = admin_help())]
    List,
    /// Replaces the secret of an account and prints the new one. The old secret and all tokens are
    /// revoked.
    #[command(after_long_help = admin_help())]
    Rotate {
        /// The name of the account.
        #[arg(value_parser = account_name)]
        name: AccountName,
    },
    /// Changes how many calls an account may make. Its tokens carry the rate limit, so the change takes
    /// effect with the next token.
    #[command(after_long_help = admin_help())]
    RateLimit {
        /// The name of the account.
        #[arg(value_parser = account_name)]
        name: AccountName,
        /// Such as 1000/hour (second, minute, hour or day); off for no limit; default for the setting
        /// `throttle_user` of the components.
        rate: String,
    },
    /// Disables an account: revokes its tokens and refuses its logins.
    #[command(after_long_help = admin_help())]
    Disable {
        /// The name of the account.
        #[arg(value_parser = account_name)]
        name: AccountName,
    },
    /// Enables a disabled account.
    #[command(after_long_help = admin_help())]
    Enable {
        /// The name of the account.
        #[arg(value_parser = account_name)]
        name: AccountName,
    },
}

#[derive(Subcommand)]
pub(crate) enum Citizen {
    /// Prints all records of a citizen and who read them, as JSON. The audit log notes it.
    #[command(after_long_help = admin_help())]
    Show {
        /// The citizen: 6 to 12 digits. Leading zeros are ignored.
        #[arg(value_parser = citizen_id)]
        id: CitizenId,
    },
    /// Erases all records of a citizen and prints, as JSON, how many there were and a receipt. The
    /// receipt proves whose data the entry in the audit log is about; it is stored nowhere.
    #[command(after_long_help = admin_help())]
    Erase {
        /// The citizen: 6 to 12 digits. Leading zeros are ignored.
        #[arg(value_parser = citizen_id)]
        id: CitizenId,
        /// Confirms the erasure.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum Dlq {
    /// Lists dead letters: ids and reasons.
    #[command(after_long_help = rabbitmq_help())]
    List {
        #[command(flatten)]
        job: JobName,
        /// The largest number of messages to list.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Returns dead letters to the queue. A request that ended as ERROR becomes a new request
    /// (id~1, id~2 …).
    #[command(after_long_help = rabbitmq_help())]
    Replay {
        #[command(flatten)]
        job: JobName,
        /// The largest number of messages to replay.
        #[arg(long, default_value_t = u32::MAX)]
        limit: u32,
    },
    /// Removes all dead letters permanently.
    #[command(after_long_help = rabbitmq_help())]
    Purge {
        #[command(flatten)]
        job: JobName,
        /// Confirms the removal. Without it the command only reports the number of messages.
        #[arg(long)]
        yes: bool,
    },
}

fn run_help() -> String {
    help(&[
        table::RABBITMQ,
        table::TLS,
        table::COMPONENTS,
        table::BRIDGE_ACCOUNT,
        table::SIGNING,
        table::HEALTH,
        table::RUN,
        table::TRACES,
        table::LOG,
    ])
}

fn rabbitmq_help() -> String {
    help(&[table::RABBITMQ, table::TLS, table::LOG])
}

fn admin_help() -> String {
    help(&[table::COMPONENTS, table::TLS, table::ADMIN_ACCOUNT, table::SIGNING, table::LOG])
}

/// What `check --help` says besides the arguments.
const CHECK_HELP: &str = "\
Results in CSV have the columns line (of the file), citizen_id, is_eligible, external_api_status_code, citizen_data
(what the registry said, as JSON), error and detail. A row has is_eligible or an error, never both. Invalid ids have
the error invalid-citizen-id. A citizen who is in the file twice has one row.

Exit status: 0 if every id has a verdict, 3 if some rows have an error, 1 if the command ended early.

Examples:
  connectivity-bridge check citizens.txt
  connectivity-bridge check people.csv --column document --format jsonl --output verdicts.jsonl
";

fn check_help() -> String {
    let settings = [table::COMPONENTS, table::TLS, table::AFFILIATION_ACCOUNT, table::SIGNING, table::LOG];
    format!("{CHECK_HELP}\n{}", help(&settings))
}

fn bridge_help() -> String {
    help(&[table::COMPONENTS, table::TLS, table::BRIDGE_ACCOUNT, table::SIGNING, table::LOG])
}

/// Parses an id here, because it becomes part of a URL.
fn citizen_id(text: &str) -> Result<CitizenId, String> {
    CitizenId::parse(text).map_err(|error| error.to_string())
}

/// Parses a name here, because it becomes part of a URL.
fn account_name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn names_and_ids_that_would_change_the_url_are_rejected() {
        let parse = |name: &str| Arguments::try_parse_from(["connectivity-bridge", "service-account", "rotate", name]);
        assert!(parse("bob").is_ok());
        for name in ["bob/../alice", "../../../oauth/revoke?a=b#", "bob#x", ""] {
            assert!(parse(name).is_err(), "{name}");
        }
        let show = |id: &str| Arguments::try_parse_from(["connectivity-bridge", "citizen", "show", id]);
        assert!(show("1128456232").is_ok() && show("1128456232/../..").is_err());
    }
}
