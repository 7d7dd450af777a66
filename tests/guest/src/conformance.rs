//! Checks that the database and the cache behave the same on every server. `tests/conformance.rs`
//! runs them on each.

use crate::checks::Store;
use crate::documents::Documents;
use connectivity_domain::check;
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::document::{DocumentRequest, DocumentUrl};
use connectivity_domain::job::contract;
use connectivity_runtime as runtime;
use connectivity_runtime::settings::Reader;
use connectivity_storage::cache::CacheSettings;
use connectivity_storage::cache::{Cache, GuardAnswer, GuardQuery, RateLimitHit};
use connectivity_storage::database::DatabaseSettings;
use connectivity_storage::database::{Database, DatabaseError, Row, Sql, Value};
use connectivity_storage::job_store::SqlJobStore;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// One line per check: `ok …` or `FAILED …`.
#[derive(Default)]
pub(crate) struct Report(pub(crate) Vec<String>);

impl Report {
    pub(crate) fn expect<T: PartialEq + Debug>(&mut self, check: &str, found: &T, expected: &T) {
        self.0.push(if found == expected {
            format!("ok {check}")
        } else {
            format!("FAILED {check}: found {found:?}, expected {expected:?}")
        });
    }
}

/// Returns the database that the variables select.
async fn selected_database() -> Result<Database, String> {
    let mut reader = Reader::from_host(&DatabaseSettings::NAMES).await;
    let settings = DatabaseSettings::read(&mut reader);
    Ok(Database::new(&reader.finish(settings).map_err(|problems| problems.to_string())?))
}

/// Checks the store of a job on the database that the variables select.
pub(crate) async fn jobs() -> Result<String, String> {
    let store = SqlJobStore::<Documents>::new(Arc::new(selected_database().await?));
    let first = 1_000_000_000 + runtime::random() % 1_000_000_000 * 100;
    let question = |number: u32| DocumentRequest {
        citizen: CitizenId::parse(&(first + u64::from(number)).to_string()).expect("ten to twelve digits"),
        url: DocumentUrl::parse("https://bucket.example/Ñandú.pdf?X-Amz-Signature=a%20b").expect("a URL"),
        title: "Ñandú ✓ 'quoted' \"twice\" \\".to_owned(),
        document_id: number.is_multiple_of(2).then(|| number.to_string()),
    };
    let promises = contract::check(&store, question, runtime::new_id).await;
    Ok(promises.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Checks the store of checks on the database that the variables select.
pub(crate) async fn checks() -> Result<String, String> {
    let store = Store::new(Arc::new(selected_database().await?));
    let first = 1_000_000_000 + runtime::random() % 1_000_000_000 * 100;
    let citizen = |number| CitizenId::parse(&(first + number as u64).to_string()).expect("ten to twelve digits");
    let promises = check::contract::check(&store, citizen, runtime::new_id).await;
    let mut report = Report::default();
    for (promise, is_kept) in promises {
        report.expect(promise, &is_kept, &true);
    }
    Ok(report.0.join("\n"))
}

/// Checks the database that the variables select.
pub(crate) async fn database() -> Result<String, String> {
    let database = selected_database().await?;
    let mut report = Report::default();

    let id = runtime::new_id();
    let inserted = database.run(INSERT, row(&id, "Ñandú ✓ 'quoted' \"twice\" \\")).await;
    report.expect("a row is inserted", &inserted, &Ok(Vec::new()));
    let expected: Row = vec![
        text(&id),
        Value::Null,
        Value::Integer(1),
        text("Ñandú ✓ 'quoted' \"twice\" \\"),
        text("2026-01-02 03:04:05.000006"),
        Value::Integer(65_535),
    ];
    report.expect(
        "a row is read with the values that were inserted",
        &database.run(SELECT, vec![text(&id)]).await,
        &Ok(vec![expected]),
    );
    let again = database.run(INSERT, row(&id, "")).await;
    report.expect("a second row with the same key is a duplicate", &again, &Err(DatabaseError::Duplicate));
    let missing = database.run(SELECT, vec![text("unknown")]).await;
    report.expect("a query that finds no row succeeds", &missing, &Ok(Vec::new()));
    let failed = database.run(Sql::same("SELECT nothing FROM nowhere"), Vec::new()).await;
    report.expect("a query of an unknown table fails", &failed.is_err(), &true);
    let refused = database.run(Sql::same("UPDATE nowhere SET nothing = 1"), Vec::new()).await;
    report.expect(
        "a statement on an unknown table is refused",
        &matches!(refused, Err(DatabaseError::Refused(_))),
        &true,
    );
    let after = database.run(SELECT, vec![text(&id)]).await.map(|rows| rows.len());
    report.expect("the connection works after an error", &after, &Ok(1));
    let together = futures_util::future::join_all((0..20).map(|_| database.run(SELECT, vec![text(&id)]))).await;
    report.expect("concurrent queries all succeed", &together.iter().filter(|rows| rows.is_ok()).count(), &20);
    Ok(report.0.join("\n"))
}

/// Checks the cache that the variables select.
pub(crate) async fn cache() -> Result<String, String> {
    let mut reader = Reader::from_host(&CacheSettings::NAMES).await;
    let settings = CacheSettings::read(&mut reader);
    let cache = Cache::new(&reader.finish(settings).map_err(|problems| problems.to_string())?);
    let mut report = Report::default();
    let (long, short) = (Duration::from_mins(1), Duration::from_millis(50));
    let key = |name: &str| format!("conformance:{name}");
    let get = async |name: &str| cache.get(&key(name), runtime::now()).await;

    report.expect("a new key has no value", &get("a").await, &Ok(None));
    report.expect("a value is stored", &cache.put(&key("a"), "é 1", long, runtime::now()).await, &Ok(()));
    report.expect("a stored value is found", &get("a").await, &Ok(Some("é 1".to_owned())));
    report.expect(
        "a value with a shorter lifetime replaces it",
        &cache.put(&key("a"), "2", short, runtime::now()).await,
        &Ok(()),
    );
    runtime::sleep(short * 3).await;
    report.expect("a value is gone after its lifetime", &get("a").await, &Ok(None));

    let set = async |old: Option<&str>, new: &str, keep: Duration| {
        cache.compare_and_set(&key("b"), old, new, keep, runtime::now()).await
    };
    report.expect("compare-and-set does not replace a missing value", &set(Some("1"), "2", long).await, &Ok(false));
    report.expect("compare-and-set with no old value sets a missing value", &set(None, "1", long).await, &Ok(true));
    report.expect(
        "compare-and-set with no old value does not replace a value",
        &set(None, "2", long).await,
        &Ok(false),
    );
    report.expect("compare-and-set does not replace another value", &set(Some("0"), "2", long).await, &Ok(false));
    report.expect("compare-and-set replaces the old value", &set(Some("1"), "2", short).await, &Ok(true));
    report.expect("the replaced value is found", &get("b").await, &Ok(Some("2".to_owned())));
    runtime::sleep(short * 3).await;
    report.expect("compare-and-set does not replace an expired value", &set(Some("2"), "3", long).await, &Ok(false));
    report.expect(
        "compare-and-set with no old value replaces an expired value",
        &set(None, "3", long).await,
        &Ok(true),
    );

    let take_many = async |name: &str, window_left: Duration, calls: u64, limit: u64| {
        let hit = RateLimitHit { key: key(name), window_left, calls, limit };
        cache.guard(&GuardQuery { session: None, hit: Some(hit) }, runtime::now()).await
    };
    let take = async |name: &str, window_left: Duration| take_many(name, window_left, 1, u64::MAX).await;
    report.expect("a rate-limit counter starts at one", &take("c", short * 4).await, &Ok(GuardAnswer::Taken(1)));
    report.expect("a rate-limit counter increases", &take("c", short * 4).await, &Ok(GuardAnswer::Taken(2)));
    runtime::sleep(short * 6).await;
    report.expect(
        "a rate-limit counter restarts after its window",
        &take("c", short * 4).await,
        &Ok(GuardAnswer::Taken(1)),
    );
    let many = futures_util::future::join_all((0..20).map(|_| take("d", long))).await;
    let taken = |answer| if let Ok(GuardAnswer::Taken(taken)) = answer { Some(taken) } else { None };
    let mut many: Vec<u64> = many.into_iter().filter_map(taken).collect();
    many.sort_unstable();
    report.expect("concurrent requests get different counts", &many, &(1..=20).collect());
    let mut together = Vec::new();
    for calls in [4, 7, 6, 1, 11] {
        together.push(take_many("e", long, calls, 10).await);
    }
    let expected = [4, 11, 10, 11, 21].map(|count| Ok(GuardAnswer::Taken(count)));
    report.expect("several calls are taken together or not at all", &together, &expected.to_vec());
    let first = take_many("f", short * 4, 11, 10).await;
    let second = take_many("f", short * 4, 10, 10).await;
    let expected = [11, 10].map(|count| Ok(GuardAnswer::Taken(count)));
    report.expect("what a new window does not allow is not taken", &[first, second], &expected);
    runtime::sleep(short * 6).await;
    let third = take_many("f", short * 4, 3, 10).await;
    report.expect("a counter of several calls restarts after its window", &third, &Ok(GuardAnswer::Taken(3)));
    Ok(report.0.join("\n"))
}

const INSERT: Sql = Sql::same(
    "INSERT INTO affiliation_checks
       (id, citizen_id, status, exists_in_system, citizen_data, message, checked_at, external_api_status_code)
     VALUES (?, '1234567', 'ERROR', ?, ?, ?, ?, ?)",
);

const SELECT: Sql = Sql {
    mysql: "SELECT id, citizen_data, exists_in_system, message, DATE_FORMAT(checked_at, '%Y-%m-%d %H:%i:%s.%f'),
              external_api_status_code FROM affiliation_checks WHERE id = ?",
    sqlite: "SELECT id, citizen_data, exists_in_system, message, checked_at, external_api_status_code
             FROM affiliation_checks WHERE id = ?",
};

fn row(id: &str, message: &str) -> Row {
    let time = text("2026-01-02 03:04:05.000006");
    vec![text(id), Value::Integer(1), Value::Null, text(message), time, Value::Integer(65_535)]
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
