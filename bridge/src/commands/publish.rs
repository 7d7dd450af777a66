//! `publish`: publishes requests from a file.

use super::error::CommandError;
use crate::amqp::{AmqpError, Session};
use crate::job::Job;
use crate::message::Message;
use crate::output::{note, print_line};
use crate::settings::AmqpSettings;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Map, Value};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How many messages are published before the first of them is confirmed. More make it no faster.
const WINDOW: usize = 1_000;

/// How often the number of published messages is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// What some editors and programs write at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Publishes one request of a job per line of a file, or of standard input. Publishes nothing if a
/// line is not a JSON object.
pub(crate) async fn publish(settings: &AmqpSettings, job: &Job, file: Option<&Path>) -> Result<(), CommandError> {
    let bodies = read(open(file)?)?;
    let interrupted = interrupted()?;
    let session = Session::open(settings, job).await?;
    session.declare().await?;
    let total = bodies.len();
    let publish = |body| {
        let session = &session;
        async move { session.publish_request(&Message { body, ..Message::default() }).await }
    };
    let confirmations = stream::iter(bodies).take_until(interrupted).map(publish).buffered(WINDOW);
    let (published, failure) = count(confirmations, total).await;
    session.close().await;
    match failure {
        Some(cause) => Err(CommandError::NotPublished { published, total, cause }),
        None if published < total => Err(CommandError::Interrupted { published, total }),
        None => {
            print_line!("published: {published}");
            Ok(())
        }
    }
}

/// Counts the confirmed messages until one is not confirmed, and shows the count from time to time.
async fn count(confirmations: impl Stream<Item = Result<(), AmqpError>>, total: usize) -> (usize, Option<AmqpError>) {
    let mut confirmations = pin!(confirmations);
    let (mut published, mut shown_at) = (0, Instant::now());
    while let Some(confirmed) = confirmations.next().await {
        if let Err(error) = confirmed {
            return (published, Some(error));
        }
        published += 1;
        if shown_at.elapsed() >= PROGRESS_INTERVAL {
            note(&format!("published {published} of {total}"));
            shown_at = Instant::now();
        }
    }
    (published, None)
}

/// Returns a future that ends at the first SIGINT or SIGTERM.
fn interrupted() -> Result<impl Future<Output = ()>, CommandError> {
    let mut signals = (
        signal(SignalKind::interrupt()).map_err(CommandError::Signals)?,
        signal(SignalKind::terminate()).map_err(CommandError::Signals)?,
    );
    Ok(Box::pin(async move {
        tokio::select! {
            _ = signals.0.recv() => {}
            _ = signals.1.recv() => {}
        }
    }))
}

/// Opens a file of requests, or standard input.
fn open(path: Option<&Path>) -> Result<Box<dyn BufRead>, CommandError> {
    let Some(path) = path else { return Ok(Box::new(std::io::stdin().lock())) };
    let file = std::fs::File::open(path).map_err(|error| CommandError::File(path.display().to_string(), error))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Reads the requests. Lines without text are skipped.
fn read(lines: impl BufRead) -> Result<Vec<Bytes>, CommandError> {
    let mut bodies = Vec::new();
    for (index, line) in lines.split(b'\n').enumerate() {
        let line = line.map_err(|error| CommandError::File("the requests".into(), error))?;
        let bytes = if index == 0 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| CommandError::NotUtf8 { line: index + 1, byte: error.valid_up_to() + 1 })?
            .trim();
        if text.is_empty() {
            continue;
        }
        // What else is wrong with a request is only known to the components.
        serde_json::from_str::<Map<String, Value>>(text)
            .map_err(|error| CommandError::NotAnObject { line: index + 1, column: error.column() })?;
        bodies.push(Bytes::copy_from_slice(text.as_bytes()));
    }
    Ok(bodies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: Result<&[&str], &str>) {
        let read = read(text).map_err(|error| error.to_string());
        let expected = expected.map(|lines| lines.iter().map(|line| Bytes::copy_from_slice(line.as_bytes())).collect());
        assert_eq!(read, expected.map_err(str::to_owned), "{text:?}");
    }

    #[test]
    fn lines_are_read_as_editors_write_them() {
        check(b"", Ok(&[]));
        check(b"{}", Ok(&["{}"]));
        check(b"\xef\xbb\xbf{\"a\": 1}\r\n\r\n  {}\t\n\n", Ok(&["{\"a\": 1}", "{}"]));
        check("{\"a\": \"é\"}\n".as_bytes(), Ok(&["{\"a\": \"é\"}"]));
    }

    #[test]
    fn first_wrong_line_is_named_and_its_text_not_repeated() {
        check(b"{}\n{\"a\": \"\xe9\"}\n", Err("line 2 is not UTF-8 (at byte 8), and nothing was published"));
        check(b"{}\n\n[]", Err("line 3 is not a JSON object (at column 0), and nothing was published"));
        check(b"{\"secret\": tru}", Err("line 1 is not a JSON object (at column 15), and nothing was published"));
        check(b"{}\n\xef\xbb\xbf{}", Err("line 2 is not a JSON object (at column 1), and nothing was published"));
    }

    #[tokio::test]
    async fn confirmations_are_counted_until_one_fails() {
        let results = |results: &[bool]| {
            let results: Vec<_> =
                results.iter().map(|is_ok| if *is_ok { Ok(()) } else { Err(AmqpError::Nacked) }).collect();
            stream::iter(results)
        };
        assert!(matches!(count(results(&[true, true]), 3).await, (2, None)));
        assert!(matches!(count(results(&[true, false, true]), 3).await, (1, Some(AmqpError::Nacked))));
    }
}
