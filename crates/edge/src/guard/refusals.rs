//! Refused requests in the audit log.
//!
//! Anybody can cause refusals, so what they cost is bounded: an instance writes at most one entry
//! for each [`RefusalPlace`] and minute, and the id of an entry, made of both, lets the database
//! keep only the first one of all instances. The response does not wait for the entry, and is not
//! changed if it cannot be written. All refusals are in the metrics and in the log.

use crate::audit::client_address;
use connectivity_domain::audit::{Action, AuditLog, Entry, RefusalPlace, minute};
use connectivity_domain::time::Timestamp;
use connectivity_runtime::{request_scope, spawn};
use connectivity_storage::audit::SqlAuditLog;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Writes refusals to the audit log. An instance keeps it: it holds connections and which places it
/// has used in a minute, never a request's data.
pub(super) struct Refusals {
    log: SqlAuditLog,
    used: Mutex<Used>,
}

/// The places that were used in a minute.
#[derive(Default)]
struct Used {
    minute: i64,
    places: u64,
}

/// A refused request.
pub(super) struct Refusal<'a> {
    /// The component and the route.
    pub(super) target: String,
    /// The subject, if the token is valid but not sufficient, or was revoked.
    pub(super) subject: Option<&'a str>,
    pub(super) client: Option<IpAddr>,
    pub(super) status: u16,
}

impl Refusals {
    pub(super) fn new(log: SqlAuditLog) -> Self {
        Self { log, used: Mutex::default() }
    }

    /// Adds an entry in the background, unless the bound is reached.
    pub(super) fn note(&self, refusal: Refusal<'_>, now: Timestamp) {
        let place = place(&refusal);
        if !self.used.lock().unwrap_or_else(PoisonError::into_inner).take(place, now) {
            return;
        }
        let entry = Entry {
            id: place.entry_id(now),
            at: now,
            action: Action::Refused,
            subject: refusal.subject.unwrap_or_default().to_owned(),
            address: refusal.client.map(|client| client.to_string()),
            request_id: request_scope::request_id().unwrap_or_default(),
            citizen: None,
            target: Some(refusal.target),
            outcome: refusal.status,
        };
        let log = self.log.clone();
        spawn(async move {
            // The database has logged why it failed.
            let _ = log.note(&entry).await;
        });
    }
}

fn place(refusal: &Refusal<'_>) -> RefusalPlace {
    match refusal.subject {
        Some(subject) => RefusalPlace::of_subject(subject),
        None => RefusalPlace::of_address(&client_address(refusal.client)),
    }
}

impl Used {
    /// Takes a place. Returns false if it was taken in this minute before.
    fn take(&mut self, place: RefusalPlace, now: Timestamp) -> bool {
        if self.minute != minute(now) {
            *self = Self { minute: minute(now), places: 0 };
        }
        let bit = 1 << place.number();
        let is_free = self.places & bit == 0;
        self.places |= bit;
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_used_once_a_minute() {
        let mut used = Used::default();
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let places: Vec<_> = (0..1_000).map(|number| RefusalPlace::of_address(&number.to_string())).collect();
        let mut taken = |now| places.iter().filter(|place| used.take(**place, now)).count();
        assert_eq!((taken(at(0)), taken(at(59)), taken(at(60))), (32, 0, 32));
    }

    #[test]
    fn callers_are_distinguished_by_subject_or_network() {
        let of = |subject, client: &str| {
            let client = Some(client.parse().expect("an address"));
            place(&Refusal { target: "check".into(), subject, client, status: 403 })
        };
        assert_eq!(of(Some("a"), "192.0.2.1"), of(Some("a"), "192.0.2.2"));
        assert_eq!(of(None, "2001:db8::1"), of(None, "2001:db8::2"));
    }
}
