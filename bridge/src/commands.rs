//! What an operator does at a terminal: look at the queues, publish a request, replay what is dead.

use crate::amqp::{AmqpError, Session};
use crate::message::{ATTEMPTS, FIRST_ERROR, Message, REASON};
use crate::settings::AmqpSettings;
use connectivity_domain::document::Submission;
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

/// Why a command did not get done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// RabbitMQ.
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    /// A file.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// Not a request.
    #[error("line {0} is no request: {1}")]
    Line(usize, String),
    /// Nobody confirmed.
    #[error("say --yes to remove {0} messages for good")]
    NotConfirmed(u32),
}

/// Declares the exchange and the queues, and shows them.
pub(crate) async fn topology(settings: &AmqpSettings) -> Result<(), CommandError> {
    let session = Session::open(settings).await?;
    let states = session.declare().await?;
    println!("exchange {} (topic, durable), key {}", settings.exchange, settings.routing_key);
    for state in states {
        let foreign = if state.foreign { "  declared by somebody else with other arguments" } else { "" };
        println!("queue {}  messages {}  consumers {}{foreign}", state.name, state.messages, state.consumers);
    }
    session.close().await;
    Ok(())
}

/// Publishes requests: one of each line.
pub(crate) async fn publish(settings: &AmqpSettings, lines: impl BufRead) -> Result<(), CommandError> {
    let mut bodies = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let line = line.map_err(|error| CommandError::File("the requests".into(), error))?;
        if line.trim().is_empty() {
            continue;
        }
        // All are read before the first is published.
        Submission::parse(line.as_bytes()).map_err(|error| CommandError::Line(number + 1, error.to_string()))?;
        bodies.push(line.into_bytes());
    }
    let session = Session::open(settings).await?;
    session.declare().await?;
    let count = bodies.len();
    for body in bodies {
        session.publish_request(&Message { body, id: None, headers: BTreeMap::new() }).await?;
    }
    println!("published: {count}");
    session.close().await;
    Ok(())
}

/// Prints results as they arrive in a queue of this name, which is made if it is not there. They are taken from it.
pub(crate) async fn results(settings: &AmqpSettings, queue: &str, keys: &[&str]) -> Result<(), CommandError> {
    let session = Session::open(settings).await?;
    session.declare().await?;
    let mut results = std::pin::pin!(session.results(queue, keys).await?);
    println!("results for {} arrive in {queue}", keys.join(" and "));
    while let Some(result) = results.next().await {
        let body: serde_json::Value = serde_json::from_slice(&result.message.body).unwrap_or_default();
        // Not the URL: its query is a credential.
        println!("{} {} authSuccess {}", body["messageId"], body["status"], body["authSuccess"]);
        if !result.acknowledge().await {
            break;
        }
    }
    Err(AmqpError::Over.into())
}

/// Opens a file of requests.
pub(crate) fn open(path: &Path) -> Result<impl BufRead + use<>, CommandError> {
    let file = std::fs::File::open(path).map_err(|error| CommandError::File(path.display().to_string(), error))?;
    Ok(std::io::BufReader::new(file))
}

/// Shows what is in the dead-letter queue: why, and never whose.
pub(crate) async fn list(settings: &AmqpSettings, limit: u32) -> Result<(), CommandError> {
    let session = Session::open(settings).await?;
    session.declare().await?;
    // What is not acknowledged goes back when the session is closed.
    let mut shown = 0;
    while shown < limit {
        let Some(letter) = session.next_dead_letter().await? else { break };
        shown += 1;
        let header = |name: &str| letter.message.headers.get(name).map_or("-", String::as_str);
        let id = letter.message.request().map_or_else(|_| "-".to_owned(), |request| request.id.as_str().to_owned());
        println!("{id}  attempts {}  {}  (first: {})", header(ATTEMPTS), header(REASON), header(FIRST_ERROR));
    }
    println!("shown: {shown}");
    session.close().await;
    Ok(())
}

/// Puts dead letters back into the queue. One that ended as an error becomes a request of its own.
pub(crate) async fn replay(settings: &AmqpSettings, limit: u32) -> Result<(), CommandError> {
    let session = Session::open(settings).await?;
    session.declare().await?;
    let mut replayed = 0;
    while replayed < limit {
        let Some(letter) = session.next_dead_letter().await? else { break };
        session.requeue(&letter.message.replayed()).await?;
        if !letter.acknowledge().await {
            return Err(AmqpError::Timeout.into());
        }
        replayed += 1;
    }
    println!("replayed: {replayed}");
    session.close().await;
    Ok(())
}

/// Removes all dead letters for good.
pub(crate) async fn purge(settings: &AmqpSettings, confirmed: bool) -> Result<(), CommandError> {
    let session = Session::open(settings).await?;
    let states = session.declare().await?;
    let dead = session.dead_letters();
    let count = states.iter().find(|state| state.name == dead).map_or(0, |state| state.messages);
    if !confirmed {
        return Err(CommandError::NotConfirmed(count));
    }
    println!("purged: {}", session.purge_dead_letters().await?);
    session.close().await;
    Ok(())
}
