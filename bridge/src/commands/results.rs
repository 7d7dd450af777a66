//! `results`: prints the results of a job.

use super::error::CommandError;
use crate::amqp::{AmqpError, Session};
use crate::job::Job;
use crate::output::print_line;
use crate::settings::AmqpSettings;
use futures_util::StreamExt;
use serde_json::Value;

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
    print_line!("results for {} arrive in {queue}", keys.join(" and "));
    while let Some(result) = results.next().await {
        let body: Value = serde_json::from_slice(&result.message.body).unwrap_or_default();
        // The URL is not printed: its query is a credential.
        print_line!("{} {} authSuccess {}", body["messageId"], body["status"], body["authSuccess"]);
        if !result.acknowledge().await {
            break;
        }
    }
    Err(AmqpError::Closed.into())
}
