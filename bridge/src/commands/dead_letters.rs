//! `dlq`: lists, replays and removes the messages of the dead-letter queue.

use super::error::CommandError;
use crate::amqp::{AmqpError, Death, Delivery, MessageFault, QueueState, Session};
use crate::job::Job;
use crate::message::{ATTEMPTS, FIRST_ERROR, Message, REASON, REQUEST_ID};
use crate::output::print_line;
use crate::settings::AmqpSettings;
use crate::text::printable;

/// Prints request ids and reasons. Bodies are not printed: they hold personal data and credentials.
pub(crate) async fn list(settings: &AmqpSettings, job: &Job, limit: u32) -> Result<(), CommandError> {
    let session = Session::open(settings, job).await?;
    let queues = session.declare().await?.queues;
    // The messages are not acknowledged, and return to the queue when the session is closed.
    let mut shown = 0;
    while shown < limit {
        let Some(letter) = session.next_dead_letter().await? else { break };
        shown += 1;
        print_line!("{}", describe(&letter));
    }
    print_line!("shown: {shown}");
    let removed = session.topology().removed();
    let waiting = messages(&queues, &removed);
    if waiting > 0 {
        print_line!(
            "waiting in {removed}: {waiting}, which become dead letters when the bridge has published their failure"
        );
    }
    session.close().await;
    Ok(())
}

/// Returns the number of messages that wait in a queue.
fn messages(queues: &[QueueState], queue: &str) -> u32 {
    queues.iter().find(|state| state.name == queue).map_or(0, |state| state.messages)
}

/// Describes a dead letter in one line that a terminal shows as it is.
fn describe(letter: &Delivery) -> String {
    let Message { headers, properties, .. } = &letter.message;
    let header = |name: &str| headers.get(name).map_or("-", String::as_str);
    let id = headers.get(REQUEST_ID).map(String::as_str).or(properties.message_id()).unwrap_or("-");
    let reason = reason(letter).unwrap_or_else(|| "-".to_owned());
    printable(&format!("{id}  attempts {}  {reason}  (first: {})", header(ATTEMPTS), header(FIRST_ERROR)))
}

/// Returns why a message is in the dead-letter queue: as the bridge wrote it, else as RabbitMQ did.
fn reason(letter: &Delivery) -> Option<String> {
    let Delivery { message, fault, is_own, .. } = letter;
    let (own, death) = (message.headers.get(REASON), message.properties.death());
    let reason = match (own, death) {
        (Some(own), None) => own.clone(),
        (Some(own), Some(_)) if *is_own => own.clone(),
        (_, Some(Death { reason, queue })) => format!("RabbitMQ removed the message from {queue}: {reason}"),
        (None, None) => return fault_text(fault.as_ref()),
    };
    Some(fault_text(fault.as_ref()).map_or(reason.clone(), |fault| format!("{reason}, {fault}")))
}

fn fault_text(fault: Option<&MessageFault>) -> Option<String> {
    Some(match fault? {
        MessageFault::TooLong { length, .. } => format!("the message has {length} bytes"),
        MessageFault::Unreadable(fault) => format!("the message is not valid AMQP: {fault}"),
    })
}

/// Returns messages to the queue of requests. A request that ended as an error becomes a new one.
pub(crate) async fn replay(settings: &AmqpSettings, job: &Job, limit: u32) -> Result<(), CommandError> {
    let session = Session::open(settings, job).await?;
    session.declare().await?;
    let (mut replayed, mut kept) = (0, Vec::new());
    while replayed < limit {
        let Some(letter) = session.next_dead_letter().await? else { break };
        let letter = letter.without_forged_headers();
        if letter.fault.is_some() {
            // It could not be processed either. It returns to the queue when the session is closed.
            kept.push(letter);
            continue;
        }
        session.requeue(&letter.message.replayed()).await?;
        if !letter.acknowledge().await {
            return Err(AmqpError::Closed.into());
        }
        replayed += 1;
    }
    print_line!("replayed: {replayed}");
    if !kept.is_empty() {
        print_line!("kept: {}, which cannot be processed (see dlq list)", kept.len());
    }
    session.close().await;
    Ok(())
}

/// Removes all messages permanently.
pub(crate) async fn purge(settings: &AmqpSettings, job: &Job, confirmed: bool) -> Result<(), CommandError> {
    let session = Session::open(settings, job).await?;
    let queues = session.declare().await?.queues;
    if !confirmed {
        return Err(CommandError::NotConfirmed(messages(&queues, &session.topology().dead_letters())));
    }
    print_line!("purged: {}", session.purge_dead_letters().await?);
    session.close().await;
    Ok(())
}
