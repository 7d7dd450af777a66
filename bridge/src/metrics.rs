//! The metrics of the bridge, in the text format of Prometheus.

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use std::sync::atomic::AtomicU64;
use std::time::Instant;

pub(crate) use prometheus_text::CONTENT_TYPE;

/// Upper bounds of the buckets, in seconds: from a cached answer to the longest call of the
/// components.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// The label of a job.
type JobLabel = [(&'static str, String); 1];

/// Histograms by job.
type Histograms = Family<JobLabel, Histogram, fn() -> Histogram>;

/// A number of seconds.
type Seconds = Gauge<f64, AtomicU64>;

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    counters: [Counter; 8],
    histograms: [Histograms; 3],
    blocked: Family<JobLabel, Gauge>,
    dependencies: Family<[(&'static str, String); 2], Gauge>,
    ages: [Family<JobLabel, Seconds>; 2],
    consuming: Gauge,
    components_up: Gauge,
}

/// What happened since the bridge started. The counters are those of all jobs, the histograms those
/// of one.
pub(crate) struct JobMetrics {
    pub(crate) received: Counter,
    pub(crate) acknowledged: Counter,
    pub(crate) published: Counter,
    pub(crate) relayed: Counter,
    pub(crate) delayed: Counter,
    pub(crate) dead_lettered: Counter,
    pub(crate) component_failures: Counter,
    pub(crate) sessions: Counter,
    pub(crate) processing: Histogram,
    pub(crate) delivery: Histogram,
    pub(crate) publish: Histogram,
    pub(crate) blocked: Gauge,
    pub(crate) rabbitmq_up: Gauge,
    pub(crate) components_up: Gauge,
    pub(crate) oldest_pending: Seconds,
    pub(crate) oldest_unpublished: Seconds,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        // In the order in which they are shown. A help text ends without a full stop: the library
        // adds one.
        let counters = [
            ("connectivity_bridge_received_total", "Messages received from the queue"),
            ("connectivity_bridge_acknowledged_total", "Messages acknowledged after processing"),
            ("connectivity_bridge_published_total", "Events published and confirmed"),
            ("connectivity_bridge_relayed_total", "Events published from the outbox"),
            ("connectivity_bridge_parked_total", "Messages put into a delay queue"),
            ("connectivity_bridge_dead_lettered_total", "Messages put into the dead-letter queue"),
            ("connectivity_bridge_component_troubles_total", "Deliveries that the components could not process"),
            ("connectivity_bridge_sessions_total", "Sessions with RabbitMQ"),
        ]
        // The encoder appends the suffix.
        .map(|(name, help)| register(&mut registry, name.trim_end_matches("_total"), help, Counter::default()));
        let histograms = [
            ("connectivity_bridge_processing_seconds", "Time from receiving a message to settling it"),
            ("connectivity_bridge_delivery_seconds", "Time that the components took to answer a delivery"),
            ("connectivity_bridge_publish_seconds", "Time until RabbitMQ confirmed a published event"),
        ]
        .map(|(name, help)| register(&mut registry, name, help, Histograms::new_with_constructor(histogram)));
        let help = "1 while RabbitMQ accepts no publishes, because of an alarm of its memory or disk";
        let blocked = register(&mut registry, "connectivity_bridge_blocked", help, Family::default());
        let help = "1 while the dependency works, as /health/ready reports it";
        let dependencies = register(&mut registry, "connectivity_bridge_dependency_up", help, Family::default());
        let ages = [
            ("connectivity_bridge_oldest_pending_seconds", "Age of the oldest record without a verdict"),
            ("connectivity_bridge_oldest_unpublished_seconds", "Time since the oldest unpublished result was recorded"),
        ]
        .map(|(name, help)| register(&mut registry, name, help, Family::default()));
        let [consuming, components_up] = [
            ("connectivity_bridge_consuming", "1 while messages are consumed from RabbitMQ"),
            ("connectivity_bridge_components_up", "1 unless deliveries are paused because the components fail"),
        ]
        .map(|(name, help)| register(&mut registry, name, help, Gauge::default()));
        Self { registry, counters, histograms, blocked, dependencies, ages, consuming, components_up }
    }

    /// The metrics of a job.
    pub(crate) fn for_job(&self, job: &str) -> JobMetrics {
        let [received, acknowledged, published, relayed, delayed, dead_lettered, component_failures, sessions] =
            self.counters.clone();
        let label = [("job", job.to_owned())];
        let [processing, delivery, publish] =
            self.histograms.each_ref().map(|histograms| histograms.get_or_create_owned(&label));
        let blocked = self.blocked.get_or_create_owned(&label);
        let [rabbitmq_up, components_up] = ["rabbitmq", "components"].map(|dependency| {
            self.dependencies.get_or_create_owned(&[("job", job.to_owned()), ("dependency", dependency.to_owned())])
        });
        let [oldest_pending, oldest_unpublished] = self.ages.each_ref().map(|ages| ages.get_or_create_owned(&label));
        JobMetrics {
            received,
            acknowledged,
            published,
            relayed,
            delayed,
            dead_lettered,
            component_failures,
            sessions,
            processing,
            delivery,
            publish,
            blocked,
            rabbitmq_up,
            components_up,
            oldest_pending,
            oldest_unpublished,
        }
    }

    /// Renders all metrics, with the present state of the bridge.
    pub(crate) fn render(&self, consuming: bool, components_up: bool) -> String {
        self.consuming.set(consuming.into());
        self.components_up.set(components_up.into());
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

/// Awaits some work and observes how long it took.
pub(crate) async fn timed<T>(histogram: &Histogram, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let output = work.await;
    histogram.observe(started.elapsed().as_secs_f64());
    output
}

fn register<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_rendered_as_prometheus_expects_them() {
        let metrics = Metrics::new();
        let (documents, other) = (metrics.for_job("documents"), metrics.for_job("other"));
        documents.received.inc();
        other.received.inc();
        documents.processing.observe(0.02);
        documents.oldest_pending.set(12.5);
        let text = metrics.render(true, false);
        for line in [
            "# HELP connectivity_bridge_received_total Messages received from the queue.",
            "# TYPE connectivity_bridge_received_total counter",
            "connectivity_bridge_received_total 2",
            "connectivity_bridge_parked_total 0",
            "# TYPE connectivity_bridge_processing_seconds histogram",
            "connectivity_bridge_processing_seconds_count{job=\"documents\"} 1",
            "connectivity_bridge_processing_seconds_count{job=\"other\"} 0",
            "connectivity_bridge_processing_seconds_bucket{job=\"documents\",le=\"0.025\"} 1",
            "# TYPE connectivity_bridge_oldest_pending_seconds gauge",
            "connectivity_bridge_oldest_pending_seconds{job=\"documents\"} 12.5",
            "connectivity_bridge_oldest_unpublished_seconds{job=\"other\"} 0.0",
            "# TYPE connectivity_bridge_consuming gauge",
            "connectivity_bridge_consuming 1",
            "connectivity_bridge_components_up 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
