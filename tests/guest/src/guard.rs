//! Checks that the guard behaves the same on every server. `tests/conformance.rs` runs them on
//! each.

use crate::conformance::Report;
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::guard::GuardSettings;
use connectivity_edge::guard::{Guard, Route};
use connectivity_edge::metrics_sender::send_soon;
use connectivity_edge::problem::Problem;
use connectivity_edge::token::TokenSettings;
use connectivity_edge::token::Verifier;
use connectivity_runtime as runtime;
use connectivity_runtime::metrics::Batch;
use connectivity_runtime::settings::Reader;
use connectivity_storage::cache::Cache;
use connectivity_storage::cache::CacheSettings;
use connectivity_storage::cache::Revocation;
use connectivity_storage::database::DatabaseSettings;
use connectivity_storage::database::{Database, Sql, Value};
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{EncodingKey, Header};
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "a secret for the tokens of this test component";

/// The number of concurrent requests, and the number that the rate limit admits.
const BURST: usize = 200;
const LIMIT: u64 = 50;

const THROTTLED: Route = Route::new("throttled", "probe");
const BRIDGE: Route = Route::without_rate_limit("bridge", "probe");

const REVOKED_SESSION: Sql = Sql::same(
    "INSERT INTO sessions (id, subject, refresh_id, created_at, expires_at, revoked_at) VALUES (?, 'probe', NULL, ?, ?, ?)",
);

const EXPIRED: Sql = Sql::same("SELECT cache_key FROM cache WHERE expires_at_us <= ?");

struct Scene {
    guard: Guard,
    cache: Arc<Cache>,
    database: Arc<Database>,
    report: Report,
}

/// Checks the guard on the servers that the variables select. All must be empty.
pub(crate) async fn guard() -> Result<String, String> {
    let mut reader = Reader::from_host(&[&CacheSettings::NAMES[..], &DatabaseSettings::NAMES[..]].concat()).await;
    let (cache, database) = (CacheSettings::read(&mut reader), DatabaseSettings::read(&mut reader));
    let (cache, database) = reader.finish((cache, database)).map_err(|problems| problems.to_string())?;
    let mut reader = Reader::from_values(&[
        ("throttle_user", "50/day"),
        ("throttle_anon", "50/day"),
        ("jwt_secret", SECRET),
        ("jwt_issuer", "probe"),
        ("jwt_audience", "probe"),
    ]);
    let (settings, tokens) = (GuardSettings::read(&mut reader), TokenSettings::read(&mut reader));
    let (settings, tokens) = reader.finish((settings, tokens)).map_err(|problems| problems.to_string())?;
    let (cache, database) = (Arc::new(Cache::new(&cache)), Arc::new(Database::new(&database)));
    let verifier = Verifier::new(&tokens);
    let guard = Guard::new("probe", verifier, &settings, Arc::clone(&cache), Arc::clone(&database));
    let mut scene = Scene { guard, cache, database, report: Report::default() };
    scene.subjects().await;
    scene.sessions().await;
    scene.cached_sessions().await;
    scene.addresses().await;
    scene.expired_entries().await;
    scene.counters().await;
    scene.batches().await;
    Ok(scene.report.0.join("\n"))
}

/// The remaining requests, or the problem of a rejected request.
type Outcome = Result<Option<u64>, ProblemKind>;

impl Scene {
    async fn call(&self, route: Route, subject: &str, session: &str) -> Outcome {
        let admitted = self.guard.admit(route, &bearer(subject, session), runtime::now()).await;
        admitted.map(|admitted| admitted.rate_limit.remaining()).map_err(|problem| problem.kind())
    }

    async fn call_from(&self, address: &str) -> Outcome {
        let peer = HeaderMap::from_iter([(header::HeaderName::from_static("spin-client-addr"), value(address))]);
        let allowance = self.guard.admit_anonymous("anonymous", &peer, runtime::now()).await;
        allowance.map(|allowance| allowance.remaining()).map_err(|problem: Problem| problem.kind())
    }

    /// At the first burst the cache has not loaded the revocations yet. The requests load them, and
    /// each is still counted once.
    async fn subjects(&mut self) {
        let burst = join_all((0..BURST).map(|_| self.call(THROTTLED, "many", "s-many"))).await;
        self.expect_exact("a subject", &burst);
        let other = self.call(THROTTLED, "other", "s-other").await;
        self.report.expect("another subject has its own limit", &other, &Ok(Some(LIMIT - 1)));
        let bridge = join_all((0..BURST).map(|_| self.call(BRIDGE, "many", "s-many"))).await;
        let passed = bridge.iter().filter(|outcome| **outcome == Ok(None)).count();
        self.report.expect("a route without a rate limit does not count requests", &passed, &BURST);
    }

    fn expect_exact(&mut self, caller: &str, burst: &[Outcome]) {
        let mut left: Vec<u64> = burst.iter().filter_map(|outcome| (*outcome).ok().flatten()).collect();
        left.sort_unstable();
        self.report.expect(
            &format!("the admitted requests of {caller} have different remaining counts"),
            &left,
            &(0..LIMIT).collect(),
        );
        let refused = burst.iter().filter(|outcome| **outcome == Err(ProblemKind::TooManyRequests)).count();
        self.report.expect(&format!("all other requests of {caller} are rejected"), &(refused + left.len()), &BURST);
    }

    async fn sessions(&mut self) {
        let now = runtime::now();
        let (until, at) = (now.plus(Duration::from_hours(1)), Value::Text(now.to_sql()));
        let row = |id: &str| vec![Value::Text(id.to_owned()), at.clone(), Value::Text(until.to_sql()), at.clone()];
        let revoked = self.database.run(REVOKED_SESSION, row("s-ended")).await;
        self.report.expect("a session is revoked in the database", &revoked, &Ok(Vec::new()));
        if let Some(revocations) = self.guard.revocations() {
            revocations.revoked(&[Revocation { session: "s-ended".to_owned(), until }], now).await;
        }
        let stranger = self.cache.complete_revocations("not the loader", &[], now).await;
        self.report.expect(
            "revocations are complete only after the elected loader has loaded them",
            &stranger,
            &Ok(self.cache.is_embedded()),
        );
        let refused = self.call(THROTTLED, "leaver", "s-ended").await;
        self.report.expect("tokens of a revoked session are rejected", &refused, &Err(ProblemKind::InvalidToken));
        let bridge = self.call(BRIDGE, "leaver", "s-ended").await;
        self.report.expect(
            "tokens of a revoked session are rejected on routes without a rate limit",
            &bridge,
            &Err(ProblemKind::InvalidToken),
        );
        let other = self.call(THROTTLED, "leaver", "s-begun").await;
        self.report.expect(
            "another session is admitted, and rejected requests do not count",
            &other,
            &Ok(Some(LIMIT - 1)),
        );
    }

    /// On routes without a rate limit, an admitted session is cached for one second.
    async fn cached_sessions(&mut self) {
        let first = self.call(BRIDGE, "messages", "s-messages").await;
        let now = runtime::now();
        let until = now.plus(Duration::from_hours(1));
        let (at, ends) = (Value::Text(now.to_sql()), Value::Text(until.to_sql()));
        let row = vec![Value::Text("s-messages".to_owned()), at.clone(), ends, at];
        let revoked = self.database.run(REVOKED_SESSION, row).await;
        if let Some(revocations) = self.guard.revocations() {
            revocations.revoked(&[Revocation { session: "s-messages".to_owned(), until }], now).await;
        }
        let known = self.call(BRIDGE, "messages", "s-messages").await;
        self.report.expect(
            "a known session is admitted without a query",
            &(first, revoked, known),
            &(Ok(None), Ok(vec![]), Ok(None)),
        );
        let elsewhere = self.call(THROTTLED, "messages", "s-messages").await;
        self.report.expect("a route with a rate limit queries every time", &elsewhere, &Err(ProblemKind::InvalidToken));
        runtime::sleep(Duration::from_millis(1_100)).await;
        let later = self.call(BRIDGE, "messages", "s-messages").await;
        self.report.expect("a known session is queried again after a second", &later, &Err(ProblemKind::InvalidToken));
    }

    async fn addresses(&mut self) {
        let burst = join_all((0..BURST).map(|_| self.call_from("192.0.2.1:4000"))).await;
        self.expect_exact("an address", &burst);
        self.report.expect(
            "another address has its own limit",
            &self.call_from("192.0.2.2:4000").await,
            &Ok(Some(LIMIT - 1)),
        );
        let first = self.call_from("[2001:db8:0:1::1]:1").await;
        let neighbour = self.call_from("[2001:db8:0:1:ffff::2]:2").await;
        let counts = (first, neighbour);
        self.report.expect("an IPv6 /64 has one limit", &counts, &(Ok(Some(LIMIT - 1)), Ok(Some(LIMIT - 2))));
    }

    /// Redis deletes expired entries by itself. The SQLite table needs the guard to do it.
    async fn expired_entries(&mut self) {
        let short = Duration::from_millis(20);
        for number in 0..3 {
            // A failed write would leave nothing to delete.
            let put = self.cache.put(&format!("leftover-{number}"), "", short, runtime::now()).await;
            self.report.expect("an entry with a short lifetime is stored", &put, &Ok(()));
        }
        runtime::sleep(short * 3).await;
        let before = self.expired().await;
        let newcomer = self.call_from("192.0.2.3:4000").await;
        self.report.expect("a new caller is admitted", &newcomer, &Ok(Some(LIMIT - 1)));
        let expected = if self.is_embedded() { (3, 0) } else { (0, 0) };
        self.report.expect("expired entries are deleted", &(before, self.expired().await), &expected);
    }

    fn is_embedded(&self) -> bool {
        self.cache.is_embedded() && self.database.is_embedded()
    }

    /// Returns the number of expired rows of the embedded cache, or 0 with Redis.
    async fn expired(&self) -> usize {
        if !self.is_embedded() {
            return 0;
        }
        let now = Value::Integer(runtime::now().as_micros());
        self.database.run(EXPIRED, vec![now]).await.map_or(usize::MAX, |rows| rows.len())
    }

    async fn counters(&mut self) {
        let anonymous = self.guard.admit(THROTTLED, &HeaderMap::new(), runtime::now()).await;
        self.report.expect("a request without a token is rejected", &anonymous.is_err(), &true);
        // Decisions are counted in the instance and sent to the cache later.
        send_soon(&self.cache);
        let refused = "guard|probe|throttled|refused".to_owned();
        let mut counters = Vec::new();
        for _ in 0..50 {
            counters = self.cache.counts().await.unwrap_or_default();
            if counters.iter().any(|(name, _)| *name == refused) {
                break;
            }
            runtime::sleep(Duration::from_millis(100)).await;
        }
        // Checks are counted as well, by the conformance tests of their store.
        counters.retain(|(name, _)| name.starts_with("guard|"));
        counters.sort();
        let expected = [
            ("guard|probe|anonymous|admitted", 54),
            ("guard|probe|anonymous|throttled", 150),
            ("guard|probe|bridge|admitted", 202),
            ("guard|probe|bridge|revoked", 2),
            ("guard|probe|throttled|admitted", 52),
            ("guard|probe|throttled|refused", 1),
            ("guard|probe|throttled|revoked", 2),
            ("guard|probe|throttled|throttled", 150),
        ];
        let expected: Vec<_> = expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        self.report.expect("every request is counted once with its outcome", &counters, &expected);
    }

    /// A batch of counts is sent again when its response was lost.
    async fn batches(&mut self) {
        let batch = |number, count| Batch { instance: 7, number, counts: [("checks|PROBE".to_owned(), count)].into() };
        let mut added = Vec::new();
        for batch in [batch(1, 5), batch(1, 5), batch(2, 3), batch(2, 3), batch(1, 5)] {
            added.push(self.cache.add_counts(&batch, runtime::now()).await);
        }
        let counts = self.cache.counts().await.unwrap_or_default();
        let probe = counts.into_iter().find(|(name, _)| name == "checks|PROBE").map(|(_, count)| count);
        let expected = (vec![Ok(()); 5], Some(8));
        self.report.expect("a repeated batch of counts is added once", &(added, probe), &expected);
    }
}

fn bearer(subject: &str, session: &str) -> HeaderMap {
    let now = runtime::now().as_micros() / 1_000_000;
    let claims = serde_json::json!({
        "iss": "probe", "aud": "probe", "sub": subject, "iat": now, "exp": now + 600, "jti": runtime::new_id(),
        "sid": session, "token_type": "access", "scope": "probe",
    });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap_or_default();
    HeaderMap::from_iter([(header::AUTHORIZATION, value(&format!("Bearer {token}")))])
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
