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
    /// A queue that gets every result besides the exchange.
    #[serde(default)]
    pub(crate) result_queue: Option<String>,
}

impl Job {
    /// The path to which the components take deliveries.
    pub(crate) fn delivery_path(&self) -> String {
        format!("/internal/v1/{}/deliveries", self.name)
    }

    /// The path to which the components take several deliveries in one request.
    pub(crate) fn batch_path(&self) -> String {
        format!("{}/batch", self.delivery_path())
    }

    /// The path at which the components keep the outbox.
    pub(crate) fn outbox_path(&self) -> String {
        format!("/internal/v1/{}/outbox", self.name)
    }
}

/// The rows that are built in. The queues and the routing key of the first one are settings.
pub(crate) fn table(queue: String, routing_key: String, result_queue: Option<String>) -> Vec<Job> {
    let result_keys = ["document.authentication.ready", "document.authentication.failure"].map(str::to_owned);
    vec![Job { name: DOCUMENTS.to_owned(), queue, routing_key, result_keys, result_queue }]
}

/// The name of the first job.
pub(crate) const DOCUMENTS: &str = "documents";

/// Parses further rows: a JSON array of objects with the fields of [`Job`]. Returns `None` if it is
/// not one, or if a field is empty, a name has other characters than a-z, 0-9 and `-`, or two rows
/// have the same name or queue. The queue of results may be missing.
pub(crate) fn parse(text: &str) -> Option<Vec<Job>> {
    let jobs: Vec<Job> = serde_json::from_str(text).ok()?;
    let is_valid = |job: &Job| {
        let [ready, failure] = &job.result_keys;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let names = [&job.name, &job.queue, &job.routing_key, ready, failure].into_iter().chain(&job.result_queue);
        names.into_iter().all(|name| !name.is_empty()) && job.name.bytes().all(is_plain)
    };
    (jobs.iter().all(is_valid) && are_distinct(&jobs)).then_some(jobs)
}

/// Returns whether all jobs have names and queues of requests of their own. Results must not become
/// requests.
pub(crate) fn are_distinct(jobs: &[Job]) -> bool {
    let is_distinct = |job: &Job, other: &Job| other.name != job.name && other.queue != job.queue;
    let consumes = |queue: &String| jobs.iter().any(|job| job.queue == *queue);
    jobs.iter().enumerate().all(|(index, job)| {
        jobs.iter().skip(index + 1).all(|other| is_distinct(job, other)) && !job.result_queue.iter().any(consumes)
    })
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
        assert_eq!(jobs[0].batch_path(), "/internal/v1/a/deliveries/batch");
        assert_eq!(jobs[0].outbox_path(), "/internal/v1/a/outbox");
        assert_eq!(jobs[0].result_queue, None);
        assert_eq!(parse("[]"), Some(Vec::new()));
        let with_results = format!("[{}]", row("a", "q").replace('}', r#", "result_queue": "r"}"#));
        assert_eq!(parse(&with_results).expect("a row")[0].result_queue.as_deref(), Some("r"));
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
            format!("[{}]", row("a", "q").replace('}', r#", "result_queue": ""}"#)),
            format!("[{}, {}]", row("a", "q").replace('}', r#", "result_queue": "r"}"#), row("b", "r")),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }
}
