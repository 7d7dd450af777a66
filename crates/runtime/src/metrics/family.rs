//! The metric families: the names of their counters in the shared cache and for Prometheus.
//!
//! A counter's name in the cache is its family's key and its labels, separated by `|`, for example
//! `requests|/api/v1/affiliation/check|POST|200`. Labels come from closed sets: routes as the
//! source writes them, methods, statuses. Durations are counted by bucket, with the bucket's number
//! as one more label.

use std::time::Duration;

/// The upper bounds of the duration buckets, in milliseconds. One more bucket without a bound
/// follows.
///
/// They range from a check that is answered from the cache to one that waits for all attempts at
/// the registry.
pub const BUCKETS: [u64; 12] = [2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 30_000];

/// A metric family: counters that differ only in their labels.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    key: &'static str,
    /// The counter's name in Prometheus.
    pub name: &'static str,
    /// The counter's help text in Prometheus.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The histogram of durations that are recorded with the counter, if there is one.
    pub timing: Option<Timing>,
}

/// The duration histogram of a family.
#[derive(Debug, PartialEq, Eq)]
pub struct Timing {
    /// The histogram's name in Prometheus; its unit is seconds.
    pub name: &'static str,
    /// The histogram's help text in Prometheus.
    pub help: &'static str,
    /// How many of the family's labels the histogram has, counted from the first.
    pub labels: usize,
}

/// HTTP requests that were answered.
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

/// Affiliation checks that were recorded.
pub const CHECKS: Family = Family {
    key: "checks",
    name: "connectivity_affiliation_checks_total",
    help: "Affiliation checks recorded, by their status.",
    labels: &["status"],
    timing: None,
};

/// Document authentications that were finished.
pub const DOCUMENTS: Family = Family {
    key: "documents",
    name: "connectivity_document_authentications_total",
    help: "Document authentications finished, by their status.",
    labels: &["status"],
    timing: None,
};

/// Calls of the registry plugin, each with all its attempts.
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

/// Decisions of the guard.
pub const GUARD: Family = Family {
    key: "guard",
    name: "connectivity_guard_decisions_total",
    help: "Callers at the guard: admitted, throttled, revoked, or refused for their token.",
    labels: &["component", "route", "outcome"],
    timing: None,
};

/// Requests that passed the guard without a rate limit because the cache was down.
pub const UNCOUNTED: Family = Family {
    key: "uncounted",
    name: "connectivity_guard_uncounted_total",
    help: "Callers that passed without being throttled, because the cache could not be asked.",
    labels: &["component"],
    timing: None,
};

/// All families.
pub const ALL: [&Family; 6] = [&REQUESTS, &CHECKS, &DOCUMENTS, &REGISTRY, &GUARD, &UNCOUNTED];

/// A parsed counter name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<'a> {
    /// A counter with these labels.
    Count(Vec<&'a str>),
    /// The count of durations in the bucket of this number, with these labels.
    Bucket(Vec<&'a str>, usize),
    /// The sum of durations in microseconds, with these labels.
    Sum(Vec<&'a str>),
}

impl Family {
    /// Returns the name of the counter with these labels.
    pub fn counter(&self, labels: &[&str]) -> String {
        debug_assert_eq!(labels.len(), self.labels.len(), "{}", self.name);
        self.stem(labels)
    }

    /// Returns the beginning of the names of all counters whose first labels are these.
    pub fn stem(&self, labels: &[&str]) -> String {
        format!("{}|{}", self.key, labels.join("|"))
    }

    /// Returns the name of the bucket counter for a duration.
    pub(crate) fn bucket(&self, labels: &[&str], took: Duration) -> String {
        let bucket = BUCKETS.iter().position(|bound| took <= Duration::from_millis(*bound)).unwrap_or(BUCKETS.len());
        format!("{}|{bucket}", self.counter(labels))
    }

    /// Returns the name of the counter that sums up durations in microseconds.
    pub(crate) fn sum(&self, labels: &[&str]) -> String {
        format!("{}|us", self.counter(labels))
    }

    /// Parses a counter's name. Returns `None` if it is not a name of this family.
    ///
    /// ```
    /// use connectivity_runtime::metrics::{CHECKS, Reading};
    ///
    /// let name = CHECKS.counter(&["ELIGIBLE"]);
    /// assert_eq!(name, "checks|ELIGIBLE");
    /// assert_eq!(CHECKS.read(&name), Some(Reading::Count(vec!["ELIGIBLE"])));
    /// ```
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
    fn written_names_are_parsed_back() {
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
    fn foreign_names_are_rejected() {
        for name in
            ["", "requests", "requests|", "requests|/a|GET|200", "requests|/a|GET|200|13", "requestsX|/a|GET|1|1"]
        {
            assert_eq!(REQUESTS.read(name), None, "{name}");
        }
        assert_eq!(CHECKS.read("checks|a|b"), None);
    }

    #[test]
    fn keys_and_names_are_distinct() {
        let distinct =
            |of: fn(&Family) -> &'static str| ALL.iter().map(|family| of(family)).collect::<HashSet<_>>().len();
        assert_eq!((distinct(|family| family.key), distinct(|family| family.name)), (ALL.len(), ALL.len()));
        assert!(BUCKETS.is_sorted());
    }
}
