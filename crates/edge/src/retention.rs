//! Deletes old records, a batch per request of the bridge.

use crate::json_body::read_json;
use crate::problem::Problem;
use crate::request_body::RequestBody;
use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::retention::Retention;
use connectivity_domain::time::Timestamp;
use connectivity_runtime::settings::Reader;
use connectivity_storage::retention::Expiring;
use connectivity_storage::table::Table;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// Records of one kind, and how long they are kept.
pub struct Kept {
    /// The table.
    pub table: Table,
    /// The statements.
    pub expiring: Expiring,
    /// How long the records are kept.
    pub retention: Retention,
    /// Whether old records stay in the table and only lose a part, so that the next batch begins
    /// after the last one.
    pub stay: bool,
}

/// The response to a batch.
#[derive(Serialize)]
struct Processed {
    /// The number of old records that were found. There are more unless it is 0.
    processed: u64,
    /// Where the next batch begins. The bridge sends it back and does not interpret it.
    after: String,
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    after: String,
}

/// Responds to a request of the bridge to process a batch of records of each kind.
pub async fn expire(
    kinds: &[Kept],
    headers: &HeaderMap,
    body: RequestBody,
    now: Timestamp,
) -> Result<Response, Problem> {
    let Request { after } = read_json(headers, &body.read().await?)?;
    let mut processed = Processed { processed: 0, after: after.clone() };
    for kept in kinds {
        let Some(cutoff) = kept.retention.cutoff(now) else { continue };
        let batch = kept.expiring.run(&kept.table, if kept.stay { &after } else { "" }, cutoff).await?;
        processed.processed += batch.found;
        if let Some(last) = batch.last.filter(|_| kept.stay) {
            processed.after = last;
        }
    }
    Ok(Json(processed).into_response())
}

/// Reads a setting that says for how many days records are kept.
pub fn read_retention(reader: &mut Reader, name: &str) -> Retention {
    Retention::days(reader.number(name, 0..=Retention::MAX_DAYS))
}
