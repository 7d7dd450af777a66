//! The families of counts: what they are called where they are kept, and in the text that Prometheus reads.
//!
//! A counter's name in the cache is its family and its labels, `requests|/api/v1/affiliation/check|POST|200`. Labels are of
//! closed sets: routes as the source writes them, methods, statuses. Durations are counted by bucket, one label more.

use std::time::Duration;

/// The upper bounds of the buckets of durations, in milliseconds. Beyond the last one there is one without a bound.
///
/// From a check that the cache answers to one that waits through all tries of the registry.
pub const BUCKETS: [u64; 12] = [2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 30_000];

/// Counts that belong together.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    key: &'static str,
    /// The counter's name for Prometheus.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Durations that are counted with it.
    pub timing: Option<Timing>,
}

/// Durations of what a family counts.
#[derive(Debug, PartialEq, Eq)]
pub struct Timing {
    /// The histogram's name for Prometheus, in seconds.
    pub name: &'static str,
    /// What it shows.
    pub help: &'static str,
    /// How many of the family's labels it has: the first ones.
    pub labels: usize,
}

/// Requests that were answered.
pub const REQUESTS: Family = Family {
    key: "requests",
    name: "connectivity_http_requests_total",
    help: "Requests answered, by route, method and status.",
    labels: &["route", "method", "status"],
    timing: Some(Timing {
        name: "connectivity_http_request_duration_seconds",
        help: "How long requests took.",
        labels: 2,
    }),
};

/// Checks that were recorded.
pub const CHECKS: Family = Family {
    key: "checks",
    name: "connectivity_affiliation_checks_total",
    help: "Affiliation checks recorded, by their status.",
    labels: &["status"],
    timing: None,
};

/// Documents that were finished.
pub const DOCUMENTS: Family = Family {
    key: "documents",
    name: "connectivity_document_authentications_total",
    help: "Document authentications finished, by their status.",
    labels: &["status"],
    timing: None,
};

/// Questions to the registry, each with all its tries.
pub const REGISTRY: Family = Family {
    key: "registry",
    name: "connectivity_registry_calls_total",
    help: "Questions to the registry with all their tries, by question and outcome.",
    labels: &["question", "outcome"],
    timing: Some(Timing {
        name: "connectivity_registry_call_duration_seconds",
        help: "How long the registry's answers took, with all tries and the pauses between them.",
        labels: 2,
    }),
};

/// What the guard decided about those whose token held, and about callers without one.
pub const GUARD: Family = Family {
    key: "guard",
    name: "connectivity_guard_decisions_total",
    help: "Callers at the guard: admitted, throttled, revoked, or refused for their token.",
    labels: &["component", "route", "outcome"],
    timing: None,
};

/// Callers that passed without being counted or throttled.
pub const UNCOUNTED: Family = Family {
    key: "uncounted",
    name: "connectivity_guard_uncounted_total",
    help: "Callers that passed without being throttled, because the cache could not be asked.",
    labels: &["component"],
    timing: None,
};

/// All of them.
pub const ALL: [&Family; 6] = [&REQUESTS, &CHECKS, &DOCUMENTS, &REGISTRY, &GUARD, &UNCOUNTED];

/// A counter's name, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<'a> {
    /// A plain count of these labels.
    Count(Vec<&'a str>),
    /// A count of these labels in the bucket of that number.
    Bucket(Vec<&'a str>, usize),
    /// The microseconds of all with these labels.
    Sum(Vec<&'a str>),
}

impl Family {
    /// The name of a plain counter.
    pub fn counter(&self, labels: &[&str]) -> String {
        debug_assert_eq!(labels.len(), self.labels.len(), "{}", self.name);
        self.stem(labels)
    }

    /// What the names of the counters with these first labels begin with.
    pub fn stem(&self, labels: &[&str]) -> String {
        format!("{}|{}", self.key, labels.join("|"))
    }

    /// The name of the counter of the bucket that a duration is in.
    pub(super) fn bucket(&self, labels: &[&str], took: Duration) -> String {
        let bucket = BUCKETS.iter().position(|bound| took <= Duration::from_millis(*bound)).unwrap_or(BUCKETS.len());
        format!("{}|{bucket}", self.counter(labels))
    }

    /// The name of the counter of microseconds.
    pub(super) fn sum(&self, labels: &[&str]) -> String {
        format!("{}|us", self.counter(labels))
    }

    /// Reads a counter's name, if it is of this family.
    pub fn read<'a>(&self, name: &'a str) -> Option<Reading<'a>> {
        let mut parts: Vec<_> = name.strip_prefix(self.key)?.strip_prefix('|')?.split('|').collect();
        if self.timing.is_none() {
            return (parts.len() == self.labels.len()).then_some(Reading::Count(parts));
        }
        let last = parts.pop().filter(|_| parts.len() == self.labels.len())?;
        if last == "us" {
            return Some(Reading::Sum(parts));
        }
        let bucket = last.parse().ok().filter(|bucket| *bucket <= BUCKETS.len())?;
        Some(Reading::Bucket(parts, bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_read_as_they_were_made() {
        let labels = ["/a", "GET", "200"];
        let of = |name: &str| REQUESTS.read(name).map(|reading| format!("{reading:?}"));
        let bucket = |milliseconds| REQUESTS.bucket(&labels, Duration::from_millis(milliseconds));
        let expected = |bucket| Some(format!("{:?}", Reading::Bucket(labels.to_vec(), bucket)));
        assert_eq!(of(&bucket(0)), expected(0));
        assert_eq!(of(&bucket(2)), expected(0));
        assert_eq!(of(&bucket(3)), expected(1));
        assert_eq!(of(&bucket(30_001)), expected(BUCKETS.len()));
        assert_eq!(of(&REQUESTS.sum(&labels)), Some(format!("{:?}", Reading::Sum(labels.to_vec()))));
        assert_eq!(CHECKS.read(&CHECKS.counter(&["ERROR"])), Some(Reading::Count(vec!["ERROR"])));
    }

    #[test]
    fn other_names_are_of_no_family() {
        for name in
            ["", "requests", "requests|", "requests|/a|GET|200", "requests|/a|GET|200|13", "requestsX|/a|GET|1|1"]
        {
            assert_eq!(REQUESTS.read(name), None, "{name}");
        }
        assert_eq!(CHECKS.read("checks|a|b"), None);
    }

    #[test]
    fn families_are_told_apart() {
        let distinct =
            |of: fn(&Family) -> &'static str| ALL.iter().map(|family| of(family)).collect::<HashSet<_>>().len();
        assert_eq!((distinct(|family| family.key), distinct(|family| family.name)), (ALL.len(), ALL.len()));
        assert!(BUCKETS.is_sorted());
    }
}
