//! Tests of checks of several citizens at once.

use super::*;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

/// A registry that answers later the smaller the citizen's number is. Even citizens are affiliated,
/// and nothing is known of those whose number ends in 5.
#[derive(Default)]
struct UnevenRegistry {
    asking: AtomicUsize,
    most: AtomicUsize,
    asked: Mutex<Vec<CitizenId>>,
}

impl Registry for UnevenRegistry {
    async fn check(&self, citizen: &CitizenId) -> Result<Affiliation, RegistryError> {
        self.most.fetch_max(self.asking.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.asked.lock().expect("a lock").push(citizen.clone());
        let number: usize = citizen.as_str().parse().expect("a number");
        for _ in number..1_000_100 {
            tokio::task::yield_now().await;
        }
        self.asking.fetch_sub(1, Ordering::Relaxed);
        match number % 10 {
            5 => Err(unavailable(Cause::BreakerOpen)),
            0 | 2 | 4 | 6 | 8 => Ok(Affiliation::Affiliated(evidence(200))),
            _ => Ok(Affiliation::None(evidence(204))),
        }
    }
}

fn citizen_number(number: usize) -> CitizenId {
    CitizenId::parse(&(1_000_000 + number).to_string()).expect("an id")
}

fn requests(count: usize) -> Vec<CheckRequest> {
    (0..count).map(|number| request(&new_id(), citizen_number(number))).collect()
}

#[tokio::test]
async fn citizens_are_asked_about_eight_at_a_time_and_recorded_together_in_order() {
    let (registry, store, cache) = (UnevenRegistry::default(), FakeStore::default(), FakeAffiliatedCache::default());
    let checked = check_affiliations(&registry, &store, &cache, requests(MAX_BATCH), || NOW).await.expect("recorded");
    assert_eq!((registry.most.load(Ordering::Relaxed), store.statements()), (AT_ONCE, 1));
    assert_eq!((checked.len(), store.records().len()), (MAX_BATCH, MAX_BATCH));
    let unknown = CheckError::NoVerdict { cause: Cause::BreakerOpen, retry_after: RETRY_AFTER };
    for (number, (result, record)) in checked.into_iter().zip(store.records()).enumerate() {
        assert_eq!(record.citizen(), &citizen_number(number));
        let (expected, status) = match (number % 10, number % 2) {
            (5, _) => (Err(unknown.clone()), CheckStatus::Error),
            (_, 0) => (Ok(record.clone()), CheckStatus::AlreadyAffiliated),
            _ => (Ok(record.clone()), CheckStatus::Eligible),
        };
        assert_eq!((result, record.status()), (expected, status), "{number}");
    }
}

#[tokio::test]
async fn cached_citizens_are_recorded_and_not_asked_about() {
    let (registry, store, cache) = (UnevenRegistry::default(), FakeStore::default(), FakeAffiliatedCache::default());
    for asked in [20, 30] {
        check_affiliations(&registry, &store, &cache, requests(20), || NOW).await.expect("recorded");
        assert_eq!(registry.asked.lock().expect("a lock").len(), asked, "the affiliated half is cached");
    }
    assert_eq!((store.records().len(), store.statements()), (40, 2));
}

#[tokio::test]
async fn nothing_is_answered_or_cached_if_the_records_cannot_be_written() {
    let (registry, cache) = (UnevenRegistry::default(), FakeAffiliatedCache::default());
    let checked = check_affiliations(&registry, &FakeStore::down(), &cache, requests(20), || NOW).await;
    assert_eq!(checked, Err(StoreError));
    assert_eq!(cache.get(&citizen_number(0)).await, None);
    let none = check_affiliations(&registry, &FakeStore::down(), &cache, Vec::new(), || NOW).await;
    assert_eq!(none, Ok(Vec::new()), "without a citizen there is nothing to write");
}

proptest! {
    #[test]
    fn each_citizen_is_in_a_batch_once_and_every_id_has_its_place(
        ids in prop::collection::vec("0{0,2}[1-2]{5,7}", 0..40),
    ) {
        let parsed: Vec<_> = ids.iter().map(|id| CitizenId::parse(id)).collect();
        let batch = Batch::new(parsed.clone());
        prop_assert_eq!((batch.len(), batch.is_empty()), (ids.len(), ids.is_empty()));
        prop_assert_eq!(batch.citizens.iter().collect::<HashSet<_>>().len(), batch.citizens.len());
        for (id, place) in parsed.into_iter().zip(batch.places) {
            prop_assert_eq!(place.map(|place| batch.citizens[place].clone()), id);
        }
    }
}
