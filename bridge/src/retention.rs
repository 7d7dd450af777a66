//! Deletes old records: asks the components for one batch after another, until none is left. How long
//! records are kept is a setting of the components.

use crate::components::Components;
use connectivity_domain::job::settlement::{Reply, describe};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The components that keep records.
const PATHS: [&str; 2] = ["/internal/v1/affiliation/retention", "/internal/v1/documents/retention"];

/// The pause between two batches, so that the database has time for requests.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// The pause between two runs of a bridge.
const INTERVAL: Duration = Duration::from_hours(1);

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Processed {
    /// How many old records were found; 0 if none is left.
    pub(crate) processed: u64,
    /// Where the next batch begins.
    pub(crate) after: String,
}

/// Processes batches of old records.
pub(crate) trait Batches {
    /// Processes a batch of the component at `path`.
    fn expire(&self, path: &str, after: &str) -> impl Future<Output = Result<Processed, Reply>> + Send;
}

/// The runs of a bridge. Each begins where the one before ended.
pub(crate) struct Retention {
    after: [String; PATHS.len()],
    pause: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { after: Default::default(), pause: BATCH_PAUSE }
    }
}

impl Retention {
    /// Runs once an hour, until the bridge is stopped.
    pub(crate) async fn repeat(mut self, components: Arc<Components>, mut stopping: watch::Receiver<bool>) {
        let stopped = async move {
            // An error means that the bridge has ended.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let runs = async {
            loop {
                match self.run(&*components).await {
                    Ok(0) => {}
                    Ok(processed) => tracing::info!(processed, "old records were deleted"),
                    Err(reply) => tracing::warn!(cause = describe(&reply), "old records could not be deleted"),
                }
                tokio::time::sleep(INTERVAL).await;
            }
        };
        tokio::select! { () = stopped => {}, () = runs => {} }
    }

    /// Processes batches until no component has any more. Returns how many records were processed.
    pub(crate) async fn run(&mut self, batches: &impl Batches) -> Result<u64, Reply> {
        let mut total = 0;
        for (path, after) in PATHS.iter().zip(&mut self.after) {
            loop {
                let batch = batches.expire(path, after).await?;
                *after = batch.after;
                total += batch.processed;
                if batch.processed == 0 {
                    break;
                }
                tokio::time::sleep(self.pause).await;
            }
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Components with batches of these sizes. They note where each batch begins.
    struct Fake(Mutex<(Vec<u64>, Vec<String>)>);

    impl Batches for Fake {
        async fn expire(&self, _path: &str, after: &str) -> Result<Processed, Reply> {
            let mut fake = self.0.lock().expect("a lock");
            fake.1.push(after.to_owned());
            let processed =
                if fake.0.is_empty() { return Err(Reply::None("refused".into())) } else { fake.0.remove(0) };
            Ok(Processed { processed, after: format!("{after}{processed}") })
        }
    }

    #[tokio::test]
    async fn run_ends_when_nothing_is_left_and_the_next_one_continues() {
        let fake = Fake(Mutex::new((vec![5, 3, 0, 0, 2, 0, 1, 0], Vec::new())));
        let mut retention = Retention { pause: Duration::ZERO, ..Retention::default() };
        assert_eq!((retention.run(&fake).await, retention.run(&fake).await), (Ok(8), Ok(3)));
        assert_eq!(retention.run(&fake).await, Err(Reply::None("refused".into())));
        assert_eq!(fake.0.lock().expect("a lock").1, ["", "5", "53", "", "530", "5302", "0", "01", "53020"]);
    }
}
