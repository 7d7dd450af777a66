//! The settings of traces: names that OpenTelemetry gives. What is not here, its SDK reads by itself.

use super::Reader;
use std::time::Duration;

/// How spans are exported.
#[derive(Clone)]
pub(crate) struct TraceSettings {
    /// `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, else `OTEL_EXPORTER_OTLP_TIMEOUT`: how long the collector may take.
    pub(crate) timeout: Duration,
    /// `OTEL_SERVICE_NAME`
    pub(crate) service_name: Option<String>,
}

/// The names of a setting: that of traces alone, which goes first, and that of all signals.
const ENDPOINT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOL: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const TIMEOUT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];

/// None where no collector is named, or where traces are switched off.
pub(super) fn read(reader: &mut Reader) -> Option<TraceSettings> {
    let is = |name: &str, value: &str| reader.source.get(name).is_some_and(|set| set.eq_ignore_ascii_case(value));
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    let (name, endpoint) = first(reader, ENDPOINT)?;
    let is_url = reqwest::Url::parse(&endpoint).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
    if !is_url {
        reader.wrong(name, "must begin with http:// or https://");
    }
    if let Some((name, _)) = first(reader, PROTOCOL).filter(|(_, protocol)| protocol != "http/protobuf") {
        reader.wrong(name, "must be http/protobuf");
    }
    let milliseconds = match first(reader, TIMEOUT) {
        Some((name, _)) => reader.number(name, 10_000, 1..=600_000),
        None => 10_000,
    };
    let timeout = Duration::from_millis(u64::from(milliseconds));
    Some(TraceSettings { timeout, service_name: reader.source.get("OTEL_SERVICE_NAME") })
}

fn first(reader: &Reader, names: [&'static str; 2]) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, reader.source.get(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Duration>, String> {
        let source: HashMap<&str, &str> = variables.iter().copied().collect();
        let mut reader = Reader { source: &source, problems: Vec::new() };
        let traces = read(&mut reader).map(|traces| traces.timeout);
        reader.finish(traces).map_err(|problems| problems.to_string())
    }

    #[test]
    fn spans_are_exported_where_a_collector_is_named() {
        let (all, traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let url = "http://collector:4318";
        let seconds = |seconds| Ok(Some(Duration::from_secs(seconds)));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(all, url)]), seconds(10));
        assert_eq!(of(&[(traces, url), ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")]), seconds(2));
        assert_eq!(of(&[(all, url), ("OTEL_SDK_DISABLED", "true")]), Ok(None));
        assert_eq!(of(&[(all, url), ("OTEL_TRACES_EXPORTER", "none")]), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_told_by_name() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for (wrong, told) in [
            (("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "me:hunter2@collector"), "must begin with http:// or https://"),
            (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "must be http/protobuf"),
            (("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), "must be a whole number from 1 to 600000"),
        ] {
            let problems = of(&[endpoint, wrong]).expect_err("a problem");
            assert_eq!(problems, format!("settings: {} {told}", wrong.0));
        }
    }
}
