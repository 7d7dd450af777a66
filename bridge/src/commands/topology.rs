//! `topology`: declares the exchange and the queues of all jobs, and prints their state.

use super::error::CommandError;
use crate::amqp::{Origin, QueueState, Session};
use crate::settings::AmqpSettings;

pub(crate) async fn topology(settings: &AmqpSettings) -> Result<(), CommandError> {
    for job in &settings.jobs {
        let session = Session::open(settings, job).await?;
        let states = session.declare().await?;
        println!("exchange {} (topic, durable), key {}", settings.exchange, job.routing_key);
        for state in states {
            let QueueState { name, messages, consumers, origin } = &state;
            let foreign = if *origin == Origin::Own { "" } else { "  declared elsewhere with other arguments" };
            println!("queue {name}  messages {messages}  consumers {consumers}{foreign}");
            if let Some(advice) = session.advice(&state) {
                println!("  warning: {advice}");
            }
        }
        session.close().await;
    }
    Ok(())
}
