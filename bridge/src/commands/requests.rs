//! `publish` and `results`: publishes requests, and prints the results.

use super::error::CommandError;
use crate::amqp::{AmqpError, Session};
use crate::message::Message;
use crate::settings::AmqpSettings;
use connectivity_domain::document::Submission;
use futures_util::StreamExt;
use std::io::BufRead;
use std::path::Path;

/// Publishes one request per line. Publishes nothing if a line is not valid.
pub(crate) async fn publish(settings: &AmqpSettings, lines: impl BufRead) -> Result<(), CommandError> {
    let mut bodies = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let line = line.map_err(|error| CommandError::File("the requests".into(), error))?;
        if line.trim().is_empty() {
            continue;
        }
        Submission::parse(line.as_bytes()).map_err(|error| CommandError::Line(number + 1, error.to_string()))?;
        bodies.push(line.into_bytes());
    }
    let session = Session::open(settings).await?;
    session.declare().await?;
    let count = bodies.len();
    for body in bodies {
        session.publish_request(&Message { body, ..Message::default() }).await?;
    }
    println!("published: {count}");
    session.close().await;
    Ok(())
}

/// Opens a file of requests.
pub(crate) fn open(path: &Path) -> Result<impl BufRead + use<>, CommandError> {
    let file = std::fs::File::open(path).map_err(|error| CommandError::File(path.display().to_string(), error))?;
    Ok(std::io::BufReader::new(file))
}

/// Consumes results from a queue, which is declared if it does not exist, and prints them.
pub(crate) async fn results(settings: &AmqpSettings, queue: &str, keys: &[&str]) -> Result<(), CommandError> {
    let session = Session::open(settings).await?;
    session.declare().await?;
    let mut results = std::pin::pin!(session.results(queue, keys).await?);
    println!("results for {} arrive in {queue}", keys.join(" and "));
    while let Some(result) = results.next().await {
        let body: serde_json::Value = serde_json::from_slice(&result.message.body).unwrap_or_default();
        // The URL is not printed: its query is a credential.
        println!("{} {} authSuccess {}", body["messageId"], body["status"], body["authSuccess"]);
        if !result.acknowledge().await {
            break;
        }
    }
    Err(AmqpError::Closed.into())
}
