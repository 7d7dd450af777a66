//! `topology`: declares the exchange and the queues of all jobs, and prints their state.

use super::error::CommandError;
use crate::amqp::{QueueState, Session};
use crate::output::print_line;
use crate::settings::AmqpSettings;
use crate::topology::Origin;

pub(crate) async fn topology(settings: &AmqpSettings) -> Result<(), CommandError> {
    for job in &settings.jobs {
        let session = Session::open(settings, job).await?;
        let declared = session.declare().await?;
        print_line!("exchange {} (topic, durable), key {}", settings.exchange, job.routing_key);
        for QueueState { name, messages, consumers, origin, .. } in &declared.queues {
            print_line!("queue {name}  messages {messages}  consumers {consumers}{}", note(*origin));
        }
        for advice in session.advice(&declared) {
            print_line!("warning: {advice}");
        }
        session.close().await;
    }
    Ok(())
}

/// What the line of a queue says about who declared it.
fn note(origin: Origin) -> &'static str {
    match origin {
        Origin::Own | Origin::Unchecked => "",
        Origin::Earlier => "  declared with arguments by an earlier release: others cannot declare it without",
        Origin::Foreign | Origin::Unknown => "  declared elsewhere with other arguments",
    }
}
