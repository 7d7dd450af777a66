//! The table of jobs: the kinds of requests that the bridge moves between RabbitMQ and the
//! components.

use serde::Deserialize;

/// A row of the table. The bridge does not know what the messages of a job contain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    /// The name in metrics, logs, commands and paths.
    pub(crate) name: String,
    /// The queue of requests.
    pub(crate) queue: String,
    /// The routing key that binds the queue of requests to the exchange.
    pub(crate) routing_key: String,
    /// The routing keys of results: of successes, and of all others.
    pub(crate) result_keys: [String; 2],
}

impl Job {
    /// The path to which the components take deliveries.
    pub(crate) fn delivery_path(&self) -> String {
        format!("/internal/v1/{}/deliveries", self.name)
    }

    /// The path at which the components keep the outbox.
    pub(crate) fn outbox_path(&self) -> String {
        format!("/internal/v1/{}/outbox", self.name)
    }
}

/// The rows that are built in. The queue and the routing key of the first one are settings.
pub(crate) fn table(documents_queue: String, documents_key: String) -> Vec<Job> {
    vec![Job {
        name: DOCUMENTS.to_owned(),
        queue: documents_queue,
        routing_key: documents_key,
        result_keys: ["document.authentication.ready", "document.authentication.failure"].map(str::to_owned),
    }]
}

/// The name of the first job.
pub(crate) const DOCUMENTS: &str = "documents";

/// Parses further rows: a JSON array of objects with the fields of [`Job`]. Returns `None` if it is
/// not one, or if a field is empty, a name has other characters than a-z, 0-9 and `-`, or two rows
/// have the same name or queue.
pub(crate) fn parse(text: &str) -> Option<Vec<Job>> {
    let jobs: Vec<Job> = serde_json::from_str(text).ok()?;
    let is_valid = |job: &Job| {
        let [ready, failure] = &job.result_keys;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        [&job.name, &job.queue, &job.routing_key, ready, failure].iter().all(|name| !name.is_empty())
            && job.name.bytes().all(is_plain)
    };
    (jobs.iter().all(is_valid) && are_distinct(&jobs)).then_some(jobs)
}

/// Returns whether all jobs have names and queues of their own.
pub(crate) fn are_distinct(jobs: &[Job]) -> bool {
    jobs.iter()
        .enumerate()
        .all(|(index, job)| jobs.iter().skip(index + 1).all(|other| other.name != job.name && other.queue != job.queue))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, queue: &str) -> String {
        format!(r#"{{"name": "{name}", "queue": "{queue}", "routing_key": "k", "result_keys": ["done", "failed"]}}"#)
    }

    #[test]
    fn rows_are_parsed() {
        let jobs = parse(&format!("[{}, {}]", row("a", "q"), row("b", "r"))).expect("rows");
        assert_eq!(jobs[1].name, "b");
        assert_eq!(jobs[0].result_keys[1], "failed");
        assert_eq!(jobs[0].delivery_path(), "/internal/v1/a/deliveries");
        assert_eq!(jobs[0].outbox_path(), "/internal/v1/a/outbox");
        assert_eq!(parse("[]"), Some(Vec::new()));
    }

    #[test]
    fn invalid_rows_are_rejected() {
        for text in [
            String::new(),
            "{}".into(),
            r#"[{"name": "a"}]"#.into(),
            format!("[{}]", row("", "q")),
            format!("[{}]", row("a/b", "q")),
            format!("[{}]", row("a", "q").replace("\"name\"", "\"title\"")),
            format!("[{}, {}]", row("a", "q"), row("a", "r")),
            format!("[{}, {}]", row("a", "q"), row("b", "q")),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }
}
