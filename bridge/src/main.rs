//! Connects RabbitMQ with the components: delivers requests to them and publishes their results.

mod amqp;
mod cli;
mod commands;
mod components;
mod event;
mod flow_control;
mod marks;
mod message;
mod metrics;
mod relay;
mod run;
mod settings;
mod status;
mod token;
mod topology;
mod trace;
mod worker;

use clap::Parser;
use cli::{Arguments, Command, Dlq, ServiceAccount};
use commands::{AccountError, Accounts, CommandError, KeyError};
use settings::{AdminSettings, AmqpSettings, Environment, Invalid, RunSettings};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// The exit code for an invalid setting (sysexits.h: `EX_USAGE`).
const INVALID_SETTINGS: u8 = 64;

/// Why the program ends with an error.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Settings(#[from] Invalid),
    #[error(transparent)]
    Run(#[from] run::RunError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Migration(#[from] connectivity_migrations::mysql::MigrationError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(settings::DEFAULT_LOG_FILTER));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    // An error means that a library has installed a provider already, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = Arguments::parse().command;
    if !matches!(command, Command::Run) {
        // `dlq list | head` ends quietly. `run` must not end because nothing reads its output any more.
        sigpipe::reset();
    }
    match perform(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("connectivity-bridge: {error}");
            if matches!(error, Failure::Settings(_)) { ExitCode::from(INVALID_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

async fn perform(command: Command) -> Result<(), Failure> {
    let amqp = || AmqpSettings::from_source(&Environment);
    match command {
        Command::Run => run::run(RunSettings::from_source(&Environment)?).await?,
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
        Command::ServiceAccount(command) => manage_accounts(command).await?,
        Command::SigningKey => commands::signing_key()?,
    }
    Ok(())
}

async fn manage_accounts(command: ServiceAccount) -> Result<(), Failure> {
    let accounts = Accounts::new(AdminSettings::from_source(&Environment)?)?;
    match command {
        ServiceAccount::Create { name, scopes } => accounts.create(name.as_str(), &scopes).await?,
        ServiceAccount::List => accounts.list().await?,
        ServiceAccount::Rotate { name } => accounts.rotate(name.as_str()).await?,
        ServiceAccount::Disable { name } => accounts.set_disabled(name.as_str(), true).await?,
        ServiceAccount::Enable { name } => accounts.set_disabled(name.as_str(), false).await?,
    }
    Ok(())
}
