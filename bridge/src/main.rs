//! Connects RabbitMQ with the components: delivers requests to them and publishes their results.

mod amqp;
mod batches;
mod cli;
mod commands;
mod components;
mod content_encoding;
mod delivery;
mod event;
mod flow_control;
mod health;
mod http;
mod job;
mod log;
mod marks;
mod message;
mod metrics;
mod output;
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
use commands::{Accounts, Api, ApiError, CheckError, CheckOptions, CommandError, KeyError};
use connectivity_migrations::mysql::{self, MigrationError};
use output::print_line;
use run::RunError;
use settings::{AmqpSettings, ApiSettings, Environment, Invalid, RunSettings};
use std::process::ExitCode;
use trace::ExportError;

/// The exit code for an invalid setting (sysexits.h: `EX_USAGE`). An unknown command or argument is a
/// 2, as `clap` has it.
const INVALID_SETTINGS: u8 = 64;

/// The exit code of `check` if it has finished and some ids have no verdict.
const INCOMPLETE: u8 = 3;

/// Why the program ends with an error.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Settings(#[from] Invalid),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Migration(#[from] MigrationError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Check(#[from] CheckError),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_)
            | Self::Migration(MigrationError::Address(_))
            | Self::Run(RunError::Traces(ExportError::Exporter)) => ExitCode::from(INVALID_SETTINGS),
            Self::Check(CheckError::Incomplete(..)) => ExitCode::from(INCOMPLETE),
            Self::Run(_) | Self::Command(_) | Self::Migration(_) | Self::Api(_) | Self::Key(_) | Self::Check(_) => {
                ExitCode::FAILURE
            }
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    // An error means that a library has installed a provider already, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if !matches!(command, Command::Run) {
        // `dlq list | head` ends quietly. `run` must not end because nothing reads its output any
        // more.
        sigpipe::reset();
    }
    match perform(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&text::with_causes(&error));
            error.exit_code()
        }
    }
}

async fn perform(command: Command) -> Result<(), Failure> {
    log::start(&Environment)?;
    panics::log();
    let amqp = || AmqpSettings::from_source(&Environment);
    match command {
        Command::Run => run::run(RunSettings::from_source(&Environment)?).await?,
        Command::Migrate { database_url } => {
            print_line!("{}", mysql::migrate(&database_url).await?);
        }
        Command::Publish { job, file } => {
            let settings = amqp()?;
            commands::publish(&settings, settings.job(&job.name)?, file.as_deref()).await?;
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
        Command::Check { file, output, format, column, batch, give_up_after } => {
            let api = Api::new(ApiSettings::of_affiliation(&Environment)?)?;
            // The range of the argument.
            let batch = usize::try_from(batch).unwrap_or(1);
            commands::check(&api, CheckOptions { file, output, format, column, batch, give_up_after }).await?;
        }
        Command::Citizen(command) => handle_citizen(command).await?,
        Command::Retention => commands::delete_old_records(ApiSettings::of_bridge(&Environment)?).await?,
        Command::Health => commands::health(RunSettings::listen(&Environment)?).await?,
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
        ServiceAccount::Create { name, scopes, rate_limit } => {
            accounts.create(name.as_str(), &scopes, rate_limit.as_deref()).await?;
        }
        ServiceAccount::RateLimit { name, rate } => accounts.set_rate_limit(name.as_str(), &rate).await?,
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
        Citizen::Erase { yes: false, .. } => output::note("Nothing was erased: confirm with --yes."),
    }
    Ok(())
}
