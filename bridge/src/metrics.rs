//! The metrics of the bridge, in the text format of Prometheus.

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub(crate) use prometheus_text::CONTENT_TYPE;

/// Upper bounds of the buckets, in seconds: from a cached answer to the longest call of the components.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// What happened since the bridge started, and its state at the last scrape.
pub(crate) struct Metrics {
    registry: Registry,
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
    consuming: Gauge,
    components_up: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        // In the order in which they are shown. A help text ends without a full stop: the library adds one.
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
        .map(|(name, help)| counter(&mut registry, name, help));
        let histograms = [
            ("connectivity_bridge_processing_seconds", "Time from receiving a message to settling it"),
            ("connectivity_bridge_delivery_seconds", "Time that the components took to answer a delivery"),
            ("connectivity_bridge_publish_seconds", "Time until RabbitMQ confirmed a published event"),
        ]
        .map(|(name, help)| histogram(&mut registry, name, help));
        let gauges = [
            ("connectivity_bridge_consuming", "1 while messages are consumed from RabbitMQ"),
            ("connectivity_bridge_components_up", "1 unless deliveries are paused because the components fail"),
        ]
        .map(|(name, help)| gauge(&mut registry, name, help));
        let [received, acknowledged, published, relayed, delayed, dead_lettered, component_failures, sessions] =
            counters;
        let [processing, delivery, publish] = histograms;
        let [consuming, components_up] = gauges;
        Self {
            registry,
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
            consuming,
            components_up,
        }
    }

    /// Renders all metrics, with the state as it is now.
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
    let started = std::time::Instant::now();
    let output = work.await;
    histogram.observe(started.elapsed().as_secs_f64());
    output
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    // The encoder appends the suffix.
    registry.register(name.trim_end_matches("_total"), help, counter.clone());
    counter
}

fn histogram(registry: &mut Registry, name: &str, help: &str) -> Histogram {
    let histogram = Histogram::new(BUCKETS);
    registry.register(name, help, histogram.clone());
    histogram
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_rendered_as_prometheus_expects_them() {
        let metrics = Metrics::new();
        metrics.received.inc();
        metrics.processing.observe(0.02);
        let text = metrics.render(true, false);
        for line in [
            "# HELP connectivity_bridge_received_total Messages received from the queue.",
            "# TYPE connectivity_bridge_received_total counter",
            "connectivity_bridge_received_total 1",
            "connectivity_bridge_parked_total 0",
            "# TYPE connectivity_bridge_processing_seconds histogram",
            "connectivity_bridge_processing_seconds_count 1",
            "connectivity_bridge_processing_seconds_bucket{le=\"0.025\"} 1",
            "# TYPE connectivity_bridge_consuming gauge",
            "connectivity_bridge_consuming 1",
            "connectivity_bridge_components_up 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
