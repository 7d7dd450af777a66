//! What is held about one citizen: shown and erased through the components' API.

use super::api::{Api, ApiError};
use crate::output::print_line;
use connectivity_domain::citizen::CitizenId;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// The kinds of records and their paths. Documents come first: while one is in progress, nothing is
/// erased.
const KINDS: [(&str, &str); 2] =
    [("documents", "/api/v1/documents/citizens"), ("checks", "/api/v1/affiliation/citizens")];

/// The most records on a page.
const PAGE_SIZE: u64 = 100;

/// Prints all records of a citizen, and who read them.
pub(crate) async fn show_citizen(api: &Api, citizen: &CitizenId) -> Result<(), ApiError> {
    let (mut shown, mut accesses) = (Map::new(), Vec::new());
    for (kind, path) in KINDS {
        let mut records = Vec::new();
        for page in 1.. {
            let path = format!("{path}/{}/?page={page}&page_size={PAGE_SIZE}", citizen.as_str());
            let mut held = api.call(Method::GET, &path, None).await?;
            append(&mut records, &mut held["records"]);
            append(&mut accesses, &mut held["accesses"]);
            let count = |part: &str| held[part]["count"].as_u64().unwrap_or_default();
            if count("records").max(count("accesses")) <= page * PAGE_SIZE {
                break;
            }
        }
        shown.insert(kind.to_owned(), records.into());
    }
    print_line!("{:#}", json!({"citizen_id": citizen.as_str(), "records": shown, "accesses": accesses}));
    Ok(())
}

/// Appends the entries of a page. What was read already may come again, because reading adds
/// accesses before the others.
fn append(list: &mut Vec<Value>, page: &mut Value) {
    for entry in page["results"].as_array_mut().map(std::mem::take).unwrap_or_default() {
        if !list.contains(&entry) {
            list.push(entry);
        }
    }
}

/// Erases all records of a citizen, and prints how many there were of each kind, with receipts.
pub(crate) async fn erase_citizen(api: &Api, citizen: &CitizenId) -> Result<(), ApiError> {
    let mut erased = Map::new();
    for (kind, path) in KINDS {
        let path = format!("{path}/{}/", citizen.as_str());
        erased.insert(kind.to_owned(), api.call(Method::DELETE, &path, None).await?);
    }
    print_line!("{:#}", Value::Object(erased));
    Ok(())
}
