//! The settings of traces. They have OpenTelemetry's names; its SDK reads those that are not here
//! by itself.

use super::kind::Kind;
use super::reader::Reader;
use super::setting::Setting;
use super::table;
use std::time::Duration;

/// How spans are exported.
#[derive(Clone)]
pub(crate) struct TraceSettings {
    /// How long the collector may take.
    pub(crate) timeout: Duration,
    pub(crate) service_name: Option<String>,
}

/// Reads the settings; `None` if no collector is configured or the export is switched off.
pub(super) fn read(reader: &mut Reader) -> Option<TraceSettings> {
    let disabled = reader.optional(&table::OTEL_SDK_DISABLED)?.eq_ignore_ascii_case("true");
    let exporter = reader.optional(&table::OTEL_TRACES_EXPORTER)?;
    if disabled || exporter.eq_ignore_ascii_case("none") {
        return None;
    }
    let endpoint = [&table::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, &table::OTEL_EXPORTER_OTLP_ENDPOINT];
    if !endpoint.iter().any(|setting| reader.is_set(setting)) {
        return None;
    }
    first(reader, endpoint);
    first(reader, [&table::OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, &table::OTEL_EXPORTER_OTLP_PROTOCOL]);
    let timeout = first(reader, [&table::OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, &table::OTEL_EXPORTER_OTLP_TIMEOUT])?;
    // OTEL_RESOURCE_ATTRIBUTES may name the service as well, and goes before the default.
    let service_name = reader.is_set(&table::OTEL_SERVICE_NAME).then(|| reader.optional(&table::OTEL_SERVICE_NAME));
    Some(TraceSettings { timeout, service_name: service_name.flatten() })
}

/// Reads the first one that is set, else the default of the last one.
fn first<K: Kind>(reader: &mut Reader, settings: [&Setting<K>; 2]) -> Option<K::Value> {
    let [specific, general] = settings;
    if reader.is_set(specific) { reader.optional(specific) } else { reader.optional(general) }
}
