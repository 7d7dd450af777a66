//! Between RabbitMQ and the components: takes requests, forwards them, publishes their results.

mod accounts;
mod amqp;
mod commands;
mod components;
mod message;
mod relay;
mod run;
mod settings;
mod signing_key;
mod status;
mod token;
mod trace;
mod valve;
mod worker;

use clap::{Parser, Subcommand};
use connectivity_domain::access::AccountName;
use settings::{AdminSettings, AmqpSettings, Environment, Invalid, RunSettings};
use std::path::PathBuf;
use std::process::ExitCode;

const RABBITMQ: &str = "\
Settings of all commands come from the environment:
  RABBITMQ_URL                          amqp://user:password@host:port/vhost, or in parts:
  RABBITMQ_HOST (127.0.0.1), RABBITMQ_PORT (5672), RABBITMQ_USER, RABBITMQ_PASSWORD, RABBITMQ_VHOST (/)
  RABBITMQ_EXCHANGE                     citizen_affiliation
  RABBITMQ_DOCUMENT_AUTH_QUEUE          document.authentication.requested
  RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY    document.authentication.requested
  RABBITMQ_QUEUE_TYPE                   quorum, or classic
  BRIDGE_RETRY_DELAYS                   1s,5s,30s,2m,10m: how long a message waits before its next try
Further ones of `run`: connectivity-bridge run --help";

const RUN: &str = "\
Settings, from the environment, besides RABBITMQ_* (connectivity-bridge --help):
  COMPONENTS_URL             where the components answer, such as http://127.0.0.1:3000
  BRIDGE_CLIENT_ID, BRIDGE_CLIENT_SECRET
                             a service account with the scope bridge; or else
  JWT_SECRET                 signs the bridge's tokens, with JWT_ISSUER and JWT_AUDIENCE (connectivity)
  BRIDGE_CONCURRENCY         64: messages in work at once
  BRIDGE_PREFETCH            128: messages taken from the queue at once
  BRIDGE_MAX_ATTEMPTS        5: how often the registry is asked about a message
  BRIDGE_LISTEN              127.0.0.1:9100: /health/live, /health/ready, /metrics
  BRIDGE_GRACE_SECONDS       20: how long what is in work may take to finish after SIGTERM
  OTEL_EXPORTER_OTLP_ENDPOINT
                             an OTLP collector, such as http://127.0.0.1:4318: traces are exported there over HTTP. Of
                             OpenTelemetry's other variables OTEL_SERVICE_NAME (connectivity-bridge),
                             OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_* and OTEL_EXPORTER_OTLP_* hold
  RUST_LOG                   connectivity_bridge=info,warn";

const ADMIN: &str = "\
Settings, from the environment:
  COMPONENTS_URL             where the components answer, such as http://127.0.0.1:3000
  ADMIN_CLIENT_ID, ADMIN_CLIENT_SECRET
                             a service account with the scope admin; or else, for the first one,
  JWT_SECRET                 signs a token, with JWT_ISSUER and JWT_AUDIENCE (connectivity)";

/// What is wrong is a setting (sysexits.h: `EX_USAGE`).
const MISCONFIGURED: u8 = 64;

/// Takes `document.authentication.requested` from RabbitMQ, has the components authenticate each, publishes the results.
#[derive(Parser)]
#[command(version, about, after_long_help = RABBITMQ)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs until SIGTERM or SIGINT, then finishes what is in work.
    #[command(after_long_help = RUN)]
    Run,
    /// Brings the schema of a MySQL or MariaDB database up to date. Safe to run twice.
    Migrate {
        /// mysql://user:password@host:port/database. Better by the environment: arguments can be read by everybody.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
    },
    /// Publishes requests: one JSON object a line, from a file or from standard input.
    ///
    /// Such as: {"idCitizen": 1128456232, "UrlDocument": "https://…/file.pdf", "documentTitle": "Diploma"}
    Publish {
        /// The file. Default: standard input.
        file: Option<PathBuf>,
    },
    /// Prints results as they arrive: message id, status, success. Takes them from the queue.
    Results {
        /// The queue, made and bound if it is not there.
        #[arg(long, default_value = "connectivity.results")]
        queue: String,
        /// The routing key of successes.
        #[arg(long, default_value = "document.authentication.ready")]
        ready_key: String,
        /// The routing key of everything else.
        #[arg(long, default_value = "document.authentication.failure")]
        failure_key: String,
    },
    /// Looks at and empties the dead-letter queue.
    #[command(subcommand)]
    Dlq(Dlq),
    /// Declares the exchange and the queues, and shows them.
    Topology,
    /// Makes and changes the service accounts, through the components' API.
    #[command(subcommand, after_long_help = ADMIN)]
    ServiceAccount(ServiceAccount),
    /// Makes a key pair to sign tokens with: the variable `jwt_signing_key` on standard output, and what belongs into
    /// `jwt_public_keys` on standard error.
    SigningKey,
}

#[derive(Subcommand)]
enum ServiceAccount {
    /// Makes one, and shows its secret this once.
    Create {
        /// Its name: letters, digits, '.', '_' and '-'.
        #[arg(value_parser = account_name)]
        name: AccountName,
        /// What it may do: affiliation, documents, bridge or admin. Repeat it for more.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
    },
    /// Shows all: scopes, state, when their secrets were made and used.
    List,
    /// Gives one a new secret and shows it this once. The old one and all its tokens end.
    Rotate {
        /// Which.
        #[arg(value_parser = account_name)]
        name: AccountName,
    },
    /// Ends one's tokens and lets it log in no more.
    Disable {
        /// Which.
        #[arg(value_parser = account_name)]
        name: AccountName,
    },
    /// Lets one log in again.
    Enable {
        /// Which.
        #[arg(value_parser = account_name)]
        name: AccountName,
    },
}

#[derive(Subcommand)]
enum Dlq {
    /// Shows the dead letters: ids and reasons.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Puts dead letters back into the queue. One whose request ended as ERROR becomes a new request (id~1, id~2 …).
    Replay {
        /// At most so many.
        #[arg(long, default_value_t = u32::MAX)]
        limit: u32,
    },
    /// Removes all dead letters for good.
    Purge {
        /// Without it, only says how many there are.
        #[arg(long)]
        yes: bool,
    },
}

/// Why the program ends with an error.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Settings(#[from] Invalid),
    #[error(transparent)]
    Run(#[from] run::RunError),
    #[error(transparent)]
    Command(#[from] commands::CommandError),
    #[error(transparent)]
    Migration(#[from] connectivity_migrations::mysql::MigrationError),
    #[error(transparent)]
    Account(#[from] accounts::AccountError),
    #[error(transparent)]
    Key(#[from] signing_key::KeyError),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("connectivity_bridge=info,warn"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    // One is there already if a library was faster, and it will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = Arguments::parse().command;
    if !matches!(command, Command::Run) {
        // `dlq list | head` ends quietly. `run` must not end because somebody no longer reads its log.
        sigpipe::reset();
    }
    match perform(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("connectivity-bridge: {error}");
            if matches!(error, Failure::Settings(_)) { ExitCode::from(MISCONFIGURED) } else { ExitCode::FAILURE }
        }
    }
}

async fn perform(command: Command) -> Result<(), Failure> {
    let amqp = || AmqpSettings::of(&Environment);
    match command {
        Command::Run => run::run(RunSettings::of(&Environment)?).await?,
        Command::Migrate { database_url } => {
            println!("{}", connectivity_migrations::mysql::migrate(&database_url).await?);
        }
        Command::Publish { file: Some(path) } => commands::publish(&amqp()?, commands::open(&path)?).await?,
        Command::Publish { file: None } => commands::publish(&amqp()?, std::io::stdin().lock()).await?,
        Command::Results { queue, ready_key, failure_key } => {
            commands::results(&amqp()?, &queue, &[&ready_key, &failure_key]).await?;
        }
        Command::Dlq(Dlq::List { limit }) => commands::list(&amqp()?, limit).await?,
        Command::Dlq(Dlq::Replay { limit }) => commands::replay(&amqp()?, limit).await?,
        Command::Dlq(Dlq::Purge { yes }) => commands::purge(&amqp()?, yes).await?,
        Command::Topology => commands::topology(&amqp()?).await?,
        Command::ServiceAccount(command) => administer(command).await?,
        Command::SigningKey => signing_key::print()?,
    }
    Ok(())
}

/// A name goes into an address, so it must be one.
fn account_name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|error| error.to_string())
}

async fn administer(command: ServiceAccount) -> Result<(), Failure> {
    let accounts = accounts::Accounts::new(AdminSettings::of(&Environment)?)?;
    match command {
        ServiceAccount::Create { name, scopes } => accounts.create(name.as_str(), &scopes).await?,
        ServiceAccount::List => accounts.list().await?,
        ServiceAccount::Rotate { name } => accounts.rotate(name.as_str()).await?,
        ServiceAccount::Disable { name } => accounts.disable(name.as_str(), true).await?,
        ServiceAccount::Enable { name } => accounts.disable(name.as_str(), false).await?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_be_another_address_is_none() {
        let parse = |name: &str| Arguments::try_parse_from(["connectivity-bridge", "service-account", "rotate", name]);
        assert!(parse("bob").is_ok());
        for name in ["bob/../alice", "../../../oauth/revoke?a=b#", "bob#x", ""] {
            assert!(parse(name).is_err(), "{name}");
        }
    }
}
