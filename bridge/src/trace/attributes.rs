//! The attributes of spans.

use opentelemetry::KeyValue;

/// The attributes of all operations on messages (OpenTelemetry's semantic conventions for
/// RabbitMQ).
pub(super) fn messaging(operation: &'static str, destination: String, routing_key: String) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", "rabbitmq"),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.destination.name", destination),
        KeyValue::new("messaging.rabbitmq.destination.routing_key", routing_key),
    ]
}

/// `exchange:routing key:queue`, without empty names and repetitions.
pub(super) fn destination(names: &[&str]) -> String {
    let mut names: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
    names.dedup();
    names.join(":")
}

/// Host and port of a server.
pub(super) fn server(host: &str, port: Option<u16>) -> Vec<KeyValue> {
    let address = KeyValue::new("server.address", host.to_owned());
    let port = port.map(|port| KeyValue::new("server.port", i64::from(port)));
    [address].into_iter().chain(port).collect()
}

/// Host and port of a URL. The rest of it may hold a password.
pub(super) fn server_of(url: &str) -> Vec<KeyValue> {
    let url = reqwest::Url::parse(url).ok();
    let server = url.as_ref().and_then(|url| Some(server(url.host_str()?, url.port_or_known_default())));
    server.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destination_repeats_no_name() {
        assert_eq!(destination(&["x", "requested", "requested"]), "x:requested");
        assert_eq!(destination(&["x", "requested", "q"]), "x:requested:q");
        assert_eq!(destination(&["", "q", "q"]), "q");
    }

    #[test]
    fn only_host_and_port_of_a_url_are_recorded() {
        let values = |url| server_of(url).iter().map(|attribute| attribute.value.to_string()).collect::<Vec<_>>();
        assert_eq!(values("amqp://me:secret@host:5672/v"), ["host", "5672"]);
        assert_eq!(values("https://me:secret@host/path?query"), ["host", "443"]);
        assert_eq!(values("invalid"), [""; 0]);
    }
}
