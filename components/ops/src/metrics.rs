//! Writes metrics in Prometheus' text format 0.0.4.

use connectivity_runtime::metrics::{ALL, BUCKETS, Family, Reading, Timing};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// The current values. A value that could not be read is left out: a gap is better than a wrong
/// number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) database_up: bool,
    pub(crate) cache_up: bool,
    /// Whether the circuit breaker is open. It is no longer open while it probes: without calls it
    /// would stay in that state for ever, and so would an alert.
    pub(crate) breaker_open: Option<bool>,
    pub(crate) outbox: Option<OutboxDepth>,
}

/// The events that wait to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutboxDepth {
    pub(crate) events: u64,
    /// How long the oldest event has waited; zero if there is none.
    pub(crate) oldest: Duration,
}

/// The durations that were recorded with the same labels.
#[derive(Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len() + 1],
    microseconds: u64,
}

/// Writes the page.
pub(crate) fn render(counts: &[(String, u64)], gauges: &Gauges) -> String {
    let mut page = Page::default();
    for family in ALL {
        page.family(family, counts);
    }
    let up = [("database", gauges.database_up), ("cache", gauges.cache_up)];
    page.head(
        "connectivity_dependency_up",
        "1 while records can be written (database), and while scripts run (cache).",
        "gauge",
    );
    for (dependency, is_up) in up {
        page.line("connectivity_dependency_up", &[("dependency", dependency)], u64::from(is_up));
    }
    if let Some(open) = gauges.breaker_open {
        page.gauge(
            "connectivity_breaker_open",
            "1 while the circuit breaker is open and the registry is not asked.",
            u64::from(open),
        );
    }
    if let Some(OutboxDepth { events, oldest }) = gauges.outbox {
        page.gauge("connectivity_outbox_depth", "Committed events that are not marked as published.", events);
        let help = "The age of the oldest of these events.";
        page.gauge("connectivity_outbox_oldest_seconds", help, oldest.as_secs_f64());
    }
    page.0
}

#[derive(Default)]
struct Page(String);

// Writing to a String cannot fail.
impl Page {
    fn family(&mut self, family: &Family, counts: &[(String, u64)]) {
        let mut totals = BTreeMap::<&[&str], u64>::new();
        let mut histograms = BTreeMap::<&[&str], Histogram>::new();
        let shown = family.timing.as_ref().map_or(0, |timing| timing.labels);
        let read: Vec<_> = counts.iter().filter_map(|(name, count)| Some((family.read(name)?, *count))).collect();
        for (reading, count) in &read {
            match reading {
                Reading::Count(labels) => *totals.entry(labels).or_default() += count,
                Reading::Bucket(labels, bucket) => {
                    *totals.entry(labels).or_default() += count;
                    histograms.entry(&labels[..shown]).or_default().buckets[*bucket] += count;
                }
                Reading::Sum(labels) => histograms.entry(&labels[..shown]).or_default().microseconds += count,
            }
        }
        self.head(family.name, family.help, "counter");
        for (labels, count) in totals {
            self.line(family.name, &pairs(family.labels, labels), count);
        }
        if let Some(timing) = &family.timing {
            self.histograms(timing, &family.labels[..shown], &histograms);
        }
    }

    fn histograms(&mut self, timing: &Timing, names: &[&str], histograms: &BTreeMap<&[&str], Histogram>) {
        self.head(timing.name, timing.help, "histogram");
        for (labels, histogram) in histograms {
            let labels = pairs(names, labels);
            let bounds = BUCKETS.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]);
            let mut below = 0;
            for (bound, count) in bounds.zip(histogram.buckets) {
                below += count;
                let labels = [&labels[..], &[("le", bound.as_str())]].concat();
                self.line(&format!("{}_bucket", timing.name), &labels, below);
            }
            let sum = Duration::from_micros(histogram.microseconds).as_secs_f64();
            self.line(&format!("{}_sum", timing.name), &labels, sum);
            self.line(&format!("{}_count", timing.name), &labels, below);
        }
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, help, "gauge");
        self.line(name, &[], value);
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Writes one sample. The values of labels come from closed sets, so none has to be escaped.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn pairs<'a>(names: &[&'a str], values: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    names.iter().copied().zip(values.iter().copied()).collect()
}

fn seconds(milliseconds: u64) -> String {
    Duration::from_millis(milliseconds).as_secs_f64().to_string()
}
