//! `dlq`: lists, replays and removes the messages of the dead-letter queue.

use super::error::CommandError;
use crate::amqp::{AmqpError, Session};
use crate::job::Job;
use crate::message::{ATTEMPTS, FIRST_ERROR, Message, REASON, REQUEST_ID};
use crate::settings::AmqpSettings;

/// Prints request ids and reasons. Bodies are not printed: they hold personal data and credentials.
pub(crate) async fn list(settings: &AmqpSettings, job: &Job, limit: u32) -> Result<(), CommandError> {
    let session = Session::open(settings, job).await?;
    session.declare().await?;
    // The messages are not acknowledged, and return to the queue when the session is closed.
    let mut shown = 0;
    while shown < limit {
        let Some(letter) = session.next_dead_letter().await? else { break };
        shown += 1;
        let Message { headers, properties, .. } = &letter.message;
        let header = |name: &str| headers.get(name).map_or("-", String::as_str);
        let id = headers.get(REQUEST_ID).or(properties.message_id.as_ref()).map_or("-", String::as_str);
        println!("{id}  attempts {}  {}  (first: {})", header(ATTEMPTS), header(REASON), header(FIRST_ERROR));
    }
    println!("shown: {shown}");
    session.close().await;
    Ok(())
}

/// Returns messages to the queue of requests. A request that ended as an error becomes a new one.
pub(crate) async fn replay(settings: &AmqpSettings, job: &Job, limit: u32) -> Result<(), CommandError> {
    let session = Session::open(settings, job).await?;
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

/// Removes all messages permanently.
pub(crate) async fn purge(settings: &AmqpSettings, job: &Job, confirmed: bool) -> Result<(), CommandError> {
    let session = Session::open(settings, job).await?;
    let states = session.declare().await?;
    let dead_letters = session.topology().dead_letters();
    let count = states.iter().find(|state| state.name == dead_letters).map_or(0, |state| state.messages);
    if !confirmed {
        return Err(CommandError::NotConfirmed(count));
    }
    println!("purged: {}", session.purge_dead_letters().await?);
    session.close().await;
    Ok(())
}
