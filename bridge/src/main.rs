//! Connects RabbitMQ with the components: delivers requests to them and publishes their results.

mod amqp;
mod cli;
mod commands;
mod components;
mod content_encoding;
mod delivery;
mod event;
mod flow_control;
mod health;
mod job;
mod log;
mod marks;
mod message;
mod metrics;
mod panics;
mod relay;
mod retention;
mod run;
mod sessions;
mod settings;
mod status;
mod text;
mod token;
mod topology;
mod trace;
mod worker;

use clap::Parser;
use cli::{Arguments, Citizen, Command, Dlq, ServiceAccount};
use commands::{Accounts, Api, ApiError, CommandError, KeyError};
use settings::{AmqpSettings, ApiSettings, Environment, Invalid, RunSettings};
use std::process::ExitCode;

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
    Api(#[from] ApiError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

#[tokio::main]
async fn main() -> ExitCode {
    log::start();
    panics::log();
    // An error means that a library has installed a provider already, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = Arguments::parse().command;
    if !matches!(command, Command::Run) {
        // `dlq list | head` ends quietly. `run` must not end because nothing reads its output any
        // more.
        sigpipe::reset();
    }
    match perform(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("connectivity-bridge: {}", text::with_causes(&error));
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
        Command::Publish { job, file } => {
            let settings = amqp()?;
            commands::publish(&settings, settings.job(&job.name)?, commands::lines(file.as_deref())?).await?;
        }
        Command::Results { job, queue, ready_key, failure_key } => {
            let settings = amqp()?;
            let job = settings.job(&job.name)?;
            let [ready, failure] = &job.result_keys;
            let keys = [ready_key.as_ref().unwrap_or(ready), failure_key.as_ref().unwrap_or(failure)];
            commands::results(&settings, job, &queue, &keys.map(String::as_str)).await?;
        }
        Command::Dlq(command) => handle_dead_letters(command, &amqp()?).await?,
        Command::Topology => commands::topology(&amqp()?).await?,
        Command::ServiceAccount(command) => manage_accounts(command).await?,
        Command::Citizen(command) => handle_citizen(command).await?,
        Command::Retention => commands::delete_old_records(ApiSettings::of_bridge(&Environment)?).await?,
        Command::SigningKey => commands::signing_key()?,
    }
    Ok(())
}

async fn handle_dead_letters(command: Dlq, settings: &AmqpSettings) -> Result<(), Failure> {
    match command {
        Dlq::List { job, limit } => commands::list(settings, settings.job(&job.name)?, limit).await?,
        Dlq::Replay { job, limit } => commands::replay(settings, settings.job(&job.name)?, limit).await?,
        Dlq::Purge { job, yes } => commands::purge(settings, settings.job(&job.name)?, yes).await?,
    }
    Ok(())
}

async fn manage_accounts(command: ServiceAccount) -> Result<(), Failure> {
    let accounts = Accounts(Api::new(ApiSettings::of_administrator(&Environment)?)?);
    match command {
        ServiceAccount::Create { name, scopes } => accounts.create(name.as_str(), &scopes).await?,
        ServiceAccount::List => accounts.list().await?,
        ServiceAccount::Rotate { name } => accounts.rotate(name.as_str()).await?,
        ServiceAccount::Disable { name } => accounts.set_disabled(name.as_str(), true).await?,
        ServiceAccount::Enable { name } => accounts.set_disabled(name.as_str(), false).await?,
    }
    Ok(())
}

async fn handle_citizen(command: Citizen) -> Result<(), Failure> {
    let api = Api::new(ApiSettings::of_administrator(&Environment)?)?;
    match command {
        Citizen::Show { id } => commands::show_citizen(&api, &id).await?,
        Citizen::Erase { id, yes: true } => commands::erase_citizen(&api, &id).await?,
        Citizen::Erase { yes: false, .. } => eprintln!("Nothing was erased: confirm with --yes."),
    }
    Ok(())
}
