//! The contract of the stores of checks: one suite for the fake and for the SQL adapters.

use super::MAX_BATCH;
use super::ports::CheckStore;
use super::record::{Affiliation, CheckRecord, CheckRequest, StoredCheck};
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::{NoVerdict, RegistryError, StoreError};
use crate::time::Timestamp;
use crate::verdict::{Cause, Evidence};
use std::time::Duration;

const START: Timestamp = Timestamp::from_micros(1_800_000_000_123_456);

/// One promise of the contract, and whether the store kept it.
pub type Promise = (&'static str, bool);

/// Runs the suite on a store and returns all promises.
///
/// `citizen` returns another citizen for another number; none of them may have a record in the store
/// yet. `new_id` returns a new unique id.
pub async fn check(
    store: &impl CheckStore,
    citizen: impl Fn(usize) -> CitizenId,
    new_id: impl Fn() -> String,
) -> Vec<Promise> {
    let record = |number: usize, id: String| {
        let (requested_by, request_id) = ("operator Ñ 'x'".to_owned(), "r-1".to_owned());
        let request = CheckRequest { id, citizen: citizen(number), requested_by, request_id };
        CheckRecord::from_answer(request, START.plus(Duration::from_secs(number as u64)), &answer(number))
    };
    let mut promises = Vec::new();
    let few: Vec<_> = (0..4).map(|number| record(number, new_id())).collect();
    let one = store.record(&few[..1]).await;
    promises.push(("one record is written", one.is_ok() && are_held(store, &few[..1]).await));
    let rest = store.record(&few[1..]).await;
    promises.push(("several records are written with their values", rest.is_ok() && are_held(store, &few).await));
    let most: Vec<_> = (4..4 + MAX_BATCH).map(|number| record(number, new_id())).collect();
    let written = store.record(&most).await;
    promises
        .push(("as many records as a request may have are written", written.is_ok() && are_held(store, &most).await));
    let (new, known) = (record(4 + MAX_BATCH, new_id()), record(5 + MAX_BATCH, few[0].id().to_owned()));
    let refused = store.record(&[new.clone(), known]).await;
    let is_held = are_held(store, std::slice::from_ref(&new)).await;
    promises.push(("of a batch with a known id nothing is written", refused == Err(StoreError) && !is_held));
    let later = store.record(std::slice::from_ref(&new)).await;
    promises.push(("what was not written can be written later", later.is_ok() && are_held(store, &[new]).await));
    promises
}

/// Returns an answer of another kind for each number in turn.
fn answer(number: usize) -> Result<Affiliation, RegistryError> {
    let evidence = |status, body: Option<&str>| Evidence { status, body: body.map(str::to_owned) };
    match number % 4 {
        0 => Ok(Affiliation::None(evidence(204, None))),
        1 => Ok(Affiliation::Affiliated(evidence(200, Some(r#""Ñ 'quoted' \"twice\" \\""#)))),
        2 => Err(RegistryError::Refused(evidence(400, Some("[1, 2]")))),
        _ => Err(RegistryError::Unavailable(NoVerdict {
            cause: Cause::Timeout,
            status: None,
            retry_after: Duration::from_secs(5),
            attempts: 3,
        })),
    }
}

/// Returns whether the citizen of each record has this record, and no other one.
async fn are_held(store: &impl CheckStore, records: &[CheckRecord]) -> bool {
    let Ok(page) = Page::parse(None, None) else { return false };
    for record in records {
        if store.history(record.citizen(), page).await != Ok((1, vec![StoredCheck::from(record)])) {
            return false;
        }
    }
    true
}
