//! The settings: for each its name, default, kind and help text. `--help` and the readers use these
//! rows.

use super::kind::{Address, Age, Anything, Durations, Filter, Jobs, Milliseconds, Number, OneOf, Seconds, Text, Url};
use super::setting::{Row, Setting};
use crate::topology::PLAIN;

pub(crate) use super::setting::help;

/// Defines a group: a constant for each setting, named like its variable, and the list of all of
/// them.
macro_rules! group {
    ($(#[$doc:meta])* $group:ident; $($name:ident: $kind:ty = $value:expr, $default:expr, $help:literal;)*) => {
        $(
            pub(super) const $name: Setting<$kind> =
                Setting { name: stringify!($name), default: $default, kind: $value, help: $help };
        )*
        $(#[$doc])*
        pub(crate) const $group: &[&dyn Row] = &[$(&$name),*];
    };
}

group! {
    /// Where RabbitMQ is, and the names of the exchange and the queues.
    RABBITMQ;
    RABBITMQ_URL: Anything = Anything, None,
        "The URL of RabbitMQ, amqp://user:password@host:port/vhost, or amqps:// with TLS. The user name, the password \
         and the virtual host are percent-encoded; without a virtual host it is /. If it is not set, the next five \
         settings are used.";
    RABBITMQ_HOST: Text = Text, Some("127.0.0.1"), "The host of RabbitMQ: a name, an IPv4 or an IPv6 address.";
    RABBITMQ_PORT: Number<u16> = Number(1..=65_535), Some("5672"), "The port of RabbitMQ.";
    RABBITMQ_USER: Text = Text, None, "The user name. Required without RABBITMQ_URL.";
    RABBITMQ_PASSWORD: Text = Text, None, "The password. Required without RABBITMQ_URL.";
    RABBITMQ_VHOST: Text = Text, Some("/"), "The virtual host.";
    RABBITMQ_EXCHANGE: Text = Text, Some("citizen_affiliation"),
        "The topic exchange for requests and results. It is declared if it does not exist.";
    RABBITMQ_DOCUMENT_AUTH_QUEUE: Text = Text, Some("document.authentication.requested"),
        "The queue of requests to authenticate a document. It is declared if it does not exist; other services may \
         declare it as well.";
    RABBITMQ_DOCUMENT_AUTH_ROUTING_KEY: Text = Text, Some("document.authentication.requested"),
        "The routing key that binds this queue to the exchange.";
    RABBITMQ_REQUEST_QUEUE_TYPE: OneOf = OneOf(&[PLAIN, "quorum", "classic"]), Some(PLAIN),
        "How queues of requests are declared. With plain they have no arguments, so that other services can declare them \
         too; RabbitMQ then drops a message that expires there, unless a policy says otherwise. With quorum or classic \
         they dead-letter such a message, and other services have to declare them passively.";
    RABBITMQ_QUEUE_TYPE: OneOf = OneOf(&["quorum", "classic"]), Some("quorum"),
        "The type of the queues that only the bridge uses: delays, removed messages and dead letters.";
    BRIDGE_RESULT_QUEUE: Text = Text, None,
        "A queue that gets every result of the authentication of documents besides the exchange, such as \
         document.authentication.completed. It is declared if it does not exist. Rows of BRIDGE_JOBS have the field \
         result_queue.";
    BRIDGE_JOBS: Jobs = Jobs, Some("[]"), "Further jobs besides the authentication of documents.";
    BRIDGE_RETRY_DELAYS: Durations = Durations, Some("1s,5s,15s,30s,1m,2m,5m,10m"),
        "How long a message is delayed before its second, third … attempt; the last duration is used for all further \
         ones. There is a delay queue for each duration.";
}

group! {
    /// The certificates of servers with TLS, and that of the bridge.
    TLS;
    TLS_CA_FILE: Text = Text, None,
        "A PEM file with certification authorities that are trusted besides those of the system (SSL_CERT_FILE and \
         SSL_CERT_DIR replace the latter). This is the same for amqps://, https:// and mysql:// with ssl-mode.";
    TLS_CERTIFICATE_FILE: Text = Text, None,
        "A PEM file with the certificate of the bridge, for servers that ask for one, and its chain.";
    TLS_KEY_FILE: Text = Text, None, "A PEM file with the private key of that certificate.";
}

group! {
    /// Where the components are.
    COMPONENTS;
    COMPONENTS_URL: Url = Url(&["http://", "https://"]), None,
        "Required: the base URL of the components' HTTP API, such as http://127.0.0.1:3000.";
}

group! {
    /// The service account of the bridge.
    BRIDGE_ACCOUNT;
    BRIDGE_CLIENT_ID: Text = Text, None,
        "The name of a service account with the scope bridge.";
    BRIDGE_CLIENT_SECRET: Text = Text, None, "The secret of that service account.";
}

group! {
    /// The service account of an administrator.
    ADMIN_ACCOUNT;
    ADMIN_CLIENT_ID: Text = Text, None,
        "The name of a service account with the scope admin, such as the first one of the variable service_accounts.";
    ADMIN_CLIENT_SECRET: Text = Text, None, "The secret of that service account.";
}

group! {
    /// The service account that checks citizens.
    AFFILIATION_ACCOUNT;
    AFFILIATION_CLIENT_ID: Text = Text, None,
        "The name of a service account with the scope affiliation.";
    AFFILIATION_CLIENT_SECRET: Text = Text, None, "The secret of that service account.";
}

group! {
    /// For development: how access tokens are signed where no service account is given.
    SIGNING;
    JWT_SECRET: Text = Text, None,
        "For development, in place of a service account: the jwt_secret of the components, at least 32 bytes. \
         Whoever has it can sign tokens of every scope.";
    JWT_ISSUER: Text = Text, Some("connectivity"), "The claim iss of these tokens.";
    JWT_AUDIENCE: Text = Text, Some("connectivity"), "The claim aud of these tokens.";
}

group! {
    /// Where `run` serves its health.
    HEALTH;
    BRIDGE_LISTEN: Address = Address, Some("127.0.0.1:9100"),
        "The address on which /health/live, /health/ready and /metrics are served.";
}

group! {
    /// How `run` works.
    RUN;
    BRIDGE_CONCURRENCY: Number<usize> = Number(1..=10_000), Some("128"), "How many messages of each job are processed at the same time.";
    BRIDGE_PREFETCH: Number<u16> = Number(1..=65_535), Some("256"),
        "How many unacknowledged messages of each job RabbitMQ delivers at most (basic.qos).";
    BRIDGE_GIVE_UP_AFTER: Age = Age, Some("24h"),
        "The age at which a request without a verdict is given up. It ends with an error and is put into the \
         dead-letter queue.";
    BRIDGE_GRACE_SECONDS: Seconds = Seconds(0..=3_600), Some("20"),
        "How long messages in progress may take to finish after SIGTERM.";
}

/// The attribute `service.name` where neither `OTEL_SERVICE_NAME` nor `OTEL_RESOURCE_ATTRIBUTES`
/// sets it.
pub(crate) const DEFAULT_SERVICE_NAME: &str = "connectivity-bridge";

group! {
    /// The export of traces (OpenTelemetry's names).
    TRACES;
    OTEL_EXPORTER_OTLP_ENDPOINT: Url = Url(&["http://", "https://"]), None,
        "The URL of an OTLP collector, such as http://127.0.0.1:4318. Without it no spans are made.";
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Url = Url(&["http://", "https://"]), None,
        "The same for traces alone; it takes precedence.";
    OTEL_EXPORTER_OTLP_PROTOCOL: OneOf = OneOf(&["http/protobuf"]), None, "The protocol of the export.";
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: OneOf = OneOf(&["http/protobuf"]), None,
        "The same for traces alone; it takes precedence.";
    OTEL_EXPORTER_OTLP_TIMEOUT: Milliseconds = Milliseconds(1..=600_000), Some("10000"),
        "How long the collector may take to answer.";
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: Milliseconds = Milliseconds(1..=600_000), None,
        "The same for traces alone; it takes precedence.";
    OTEL_SERVICE_NAME: Text = Text, Some(DEFAULT_SERVICE_NAME), "The attribute service.name of all spans.";
    OTEL_TRACES_EXPORTER: Text = Text, Some("otlp"), "The value none switches the export off.";
    OTEL_SDK_DISABLED: Text = Text, Some("false"),
        "The value true switches the export off. OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_* and \
         OTEL_EXPORTER_OTLP_HEADERS are read as OpenTelemetry defines them.";
}

group! {
    /// The log.
    LOG;
    RUST_LOG: Filter = Filter, Some("connectivity_bridge=info,warn"), "Which log messages are written to standard error.";
}
