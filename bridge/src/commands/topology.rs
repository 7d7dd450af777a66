//! `topology`: declares the exchange and the queues of all jobs, and prints their state.

use super::error::CommandError;
use crate::amqp::Session;
use crate::settings::AmqpSettings;

pub(crate) async fn topology(settings: &AmqpSettings) -> Result<(), CommandError> {
    for job in &settings.jobs {
        let session = Session::open(settings, job).await?;
        let states = session.declare().await?;
        println!("exchange {} (topic, durable), key {}", settings.exchange, job.routing_key);
        for state in states {
            let foreign = if state.foreign { "  declared elsewhere with other arguments" } else { "" };
            println!("queue {}  messages {}  consumers {}{foreign}", state.name, state.messages, state.consumers);
        }
        session.close().await;
    }
    Ok(())
}
