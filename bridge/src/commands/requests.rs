//! `publish` and `results`: publishes requests, and prints the results.

use super::error::CommandError;
use crate::amqp::{AmqpError, Session};
use crate::job::Job;
use crate::message::Message;
use crate::settings::AmqpSettings;
use futures_util::StreamExt;
use serde_json::{Map, Value};
use std::io::BufRead;
use std::path::Path;

/// Publishes one request of a job per line. Publishes nothing if a line is not a JSON object.
pub(crate) async fn publish(settings: &AmqpSettings, job: &Job, lines: impl BufRead) -> Result<(), CommandError> {
    let mut bodies = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let line = line.map_err(|error| CommandError::File("the requests".into(), error))?;
        if line.trim().is_empty() {
            continue;
        }
        // What else is wrong with a request is only known to the components.
        serde_json::from_str::<Map<String, Value>>(&line).map_err(|_| CommandError::Line(number + 1))?;
        bodies.push(line.into_bytes());
    }
    let session = Session::open(settings, job).await?;
    session.declare().await?;
    let count = bodies.len();
    for body in bodies {
        session.publish_request(&Message { body: body.into(), ..Message::default() }).await?;
    }
    println!("published: {count}");
    session.close().await;
    Ok(())
}

/// Opens a file of requests, or standard input.
pub(crate) fn lines(path: Option<&Path>) -> Result<Box<dyn BufRead>, CommandError> {
    let Some(path) = path else { return Ok(Box::new(std::io::stdin().lock())) };
    let file = std::fs::File::open(path).map_err(|error| CommandError::File(path.display().to_string(), error))?;
    Ok(Box::new(std::io::BufReader::new(file)))
}

/// Consumes results of a job from a queue, which is declared if it does not exist, and prints them.
pub(crate) async fn results(
    settings: &AmqpSettings,
    job: &Job,
    queue: &str,
    keys: &[&str],
) -> Result<(), CommandError> {
    let session = Session::open(settings, job).await?;
    session.declare().await?;
    let mut results = std::pin::pin!(session.results(queue, keys).await?);
    println!("results for {} arrive in {queue}", keys.join(" and "));
    while let Some(result) = results.next().await {
        let body: Value = serde_json::from_slice(&result.message.body).unwrap_or_default();
        // The URL is not printed: its query is a credential.
        println!("{} {} authSuccess {}", body["messageId"], body["status"], body["authSuccess"]);
        if !result.acknowledge().await {
            break;
        }
    }
    Err(AmqpError::Closed.into())
}
