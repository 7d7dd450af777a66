//! The audit log: who read which citizen's data, who was refused, and what was erased.
//!
//! Logins and changes of accounts are in the same table (see [`crate::access`]).

#[cfg(any(test, feature = "fakes"))]
pub mod fakes;

use crate::citizen::CitizenId;
use crate::page::Page;
use crate::registry::StoreError;
use crate::time::Timestamp;
use std::future::Future;

/// The namespace of the name-based UUIDs of the audit log (RFC 9562 section 5.5).
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x5d0c_1e7a_64b3_4f0e_8c55_2b9e_90d1_37f4);

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A page of a citizen's history was read.
    HistoryRead,
    /// One record of a citizen was read.
    RecordRead,
    /// Everything that is held about a citizen was read.
    CitizenShown,
    /// Everything that is held about a citizen was erased.
    CitizenErased,
    /// A request was refused because of its access token.
    Refused,
}

impl Action {
    /// Returns the name in the audit log. Names are stored, so they never change.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HistoryRead => "HISTORY_READ",
            Self::RecordRead => "RECORD_READ",
            Self::CitizenShown => "CITIZEN_SHOWN",
            Self::CitizenErased => "CITIZEN_ERASED",
            Self::Refused => "REQUEST_REFUSED",
        }
    }
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id of the entry. An entry whose id exists already is not written again.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub action: Action,
    /// The subject of the access token; empty if the token was missing or invalid.
    pub subject: String,
    /// The address of the client, if it is known.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: String,
    /// Whose data it was about: a citizen's id, or a digest made by [`erased_citizen`].
    pub citizen: Option<String>,
    /// What was asked for: the id of a record, or the name of a route.
    pub target: Option<String>,
    /// The status of the response.
    pub outcome: u16,
}

/// An access to a citizen's data, as the audit log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// When it happened.
    pub at: Timestamp,
    /// What happened: the name of an [`Action`].
    pub action: String,
    /// The subject of the access token.
    pub subject: String,
    /// The address of the client, if it is known.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: String,
    /// What was asked for, if it was one record.
    pub target: Option<String>,
}

/// The audit log.
pub trait AuditLog: Send + Sync {
    /// Adds an entry. It is durable when this returns.
    fn note(&self, entry: &Entry) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the number of accesses to a citizen's data, and one page of them, newest first.
    fn accesses(
        &self,
        citizen: &CitizenId,
        page: Page,
    ) -> impl Future<Output = Result<(u64, Vec<Access>), StoreError>> + Send;

    /// Replaces the citizen's id by `digest` in all entries.
    fn forget(&self, citizen: &CitizenId, digest: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Returns what stands for a citizen in the audit log after an erasure.
///
/// There are so few ids that a digest of an id alone could be inverted by trying them all. So the
/// digest includes a random receipt, which is given to the operator who erases and is stored
/// nowhere: with the receipt, the operator can prove whose data was erased; without it, nobody can
/// find out.
///
/// ```
/// use connectivity_domain::audit::erased_citizen;
/// use connectivity_domain::citizen::CitizenId;
///
/// let citizen = CitizenId::parse("1128456232").expect("a valid id");
/// assert_eq!(erased_citizen(&citizen, "receipt"), "5273022a-9981-5e8a-ad1c-a76adf32621c");
/// assert_ne!(erased_citizen(&citizen, "another"), erased_citizen(&citizen, "receipt"));
/// ```
pub fn erased_citizen(citizen: &CitizenId, receipt: &str) -> String {
    digest(&format!("erased:{receipt}:{}", citizen.as_str()))
}

/// One of the places for refusals in the audit log. Each place takes one entry per minute.
///
/// Anybody can cause refusals, as many as they like. The number of places bounds how many entries
/// these make. Callers with a valid token have places of their own, so that callers without one
/// cannot take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalPlace(u8);

impl RefusalPlace {
    /// The number of places, and so the most entries per minute.
    pub const COUNT: u8 = 64;

    /// Returns the place of a subject whose token is valid.
    pub fn of_subject(subject: &str) -> Self {
        Self(Self::hash(subject))
    }

    /// Returns the place of an address, for requests without a valid token.
    pub fn of_address(address: &str) -> Self {
        Self(Self::COUNT / 2 + Self::hash(address))
    }

    /// Returns the number of the place, less than [`RefusalPlace::COUNT`].
    pub fn number(self) -> u8 {
        self.0
    }

    /// Returns the id of this place's entry for the minute of `at`. All instances make the same id,
    /// so that only one of them writes the entry.
    pub fn entry_id(self, at: Timestamp) -> String {
        digest(&format!("refused:{}:{}", minute(at), self.0))
    }

    fn hash(text: &str) -> u8 {
        uuid::Uuid::new_v5(&NAMESPACE, text.as_bytes()).as_bytes()[0] % (Self::COUNT / 2)
    }
}

/// Returns the number of the minute since the epoch.
pub fn minute(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(60_000_000)
}

fn digest(text: &str) -> String {
    uuid::Uuid::new_v5(&NAMESPACE, text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn refusals_of_any_number_of_callers_have_64_entries_per_minute() {
        let ids = |minutes: i64| {
            let mut ids = BTreeSet::new();
            for number in 0..2_000 {
                for second in [0, 59].map(|second| second + 60 * (number % minutes)) {
                    ids.insert(RefusalPlace::of_address(&format!("192.0.2.{number}")).entry_id(at(second)));
                    ids.insert(RefusalPlace::of_subject(&format!("account-{number}")).entry_id(at(second)));
                }
            }
            ids.len()
        };
        assert_eq!((ids(1), ids(3)), (64, 3 * 64));
    }

    #[test]
    fn callers_without_a_token_do_not_take_the_places_of_accounts() {
        let numbers = |place: fn(&str) -> RefusalPlace| {
            (0..2_000).map(|number| place(&number.to_string()).number()).collect::<BTreeSet<_>>()
        };
        let (subjects, addresses) = (numbers(RefusalPlace::of_subject), numbers(RefusalPlace::of_address));
        assert!(subjects.is_disjoint(&addresses));
        assert!(subjects.into_iter().chain(addresses).eq(0..RefusalPlace::COUNT));
    }

    #[test]
    fn names_of_actions_are_stored() {
        let all =
            [Action::HistoryRead, Action::RecordRead, Action::CitizenShown, Action::CitizenErased, Action::Refused];
        let names = ["HISTORY_READ", "RECORD_READ", "CITIZEN_SHOWN", "CITIZEN_ERASED", "REQUEST_REFUSED"];
        assert_eq!(all.map(Action::as_str), names);
    }
}
