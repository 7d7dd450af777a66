use super::reader::{Invalid, Source};
use super::{AmqpSettings, RunSettings, table};
use std::collections::HashMap;
use std::time::Duration;

impl Source for HashMap<&str, &str> {
    fn get(&self, name: &str) -> Option<String> {
        HashMap::get(self, name).map(|value| (*value).to_owned()).filter(|value| !value.is_empty())
    }
}

const REQUIRED: [(&str, &str); 4] = [
    ("RABBITMQ_USER", "me"),
    ("RABBITMQ_PASSWORD", "p@ss/"),
    ("COMPONENTS_URL", "http://components/"),
    ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
];

fn read(variables: &[(&'static str, &'static str)]) -> Result<RunSettings, Invalid> {
    RunSettings::from_source(&REQUIRED.iter().chain(variables).copied().collect::<HashMap<_, _>>())
}

const ONE_LINE: &str = "UTF-8 text without a line end (write the file of a secret with printf %s)";

fn problems(variables: &[(&'static str, &'static str)]) -> String {
    read(variables).err().map(|invalid| invalid.to_string()).unwrap_or_default()
}

#[test]
fn defaults_are_those_of_the_contract() {
    let settings = read(&[]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(settings.amqp.server.uri().to_string(), "amqp://me:p%40ss%2F@127.0.0.1:5672/%2F");
    let amqp = settings.amqp;
    assert_eq!((amqp.exchange.as_str(), amqp.queue_type), ("citizen_affiliation", "quorum"));
    assert_eq!(amqp.request_queue_type, "plain");
    assert_eq!(amqp.delays, [1, 5, 15, 30, 60, 120, 300, 600].map(Duration::from_secs));
    let [job] = amqp.jobs.as_slice() else { panic!("{:?}", amqp.jobs) };
    assert_eq!((job.queue.as_str(), &job.routing_key), ("document.authentication.requested", &job.queue));
    assert_eq!((settings.concurrency, settings.prefetch), (128, 256));
    assert_eq!((settings.components_url.as_str(), settings.grace), ("http://components", Duration::from_secs(20)));
    assert_eq!(settings.give_up_after, Duration::from_hours(24));
}

#[test]
fn all_problems_are_reported_together_and_no_value_is_repeated() {
    let source = HashMap::from([
        ("RABBITMQ_URL", "http://me:hunter2@host"),
        ("RABBITMQ_QUEUE_TYPE", "stream"),
        ("BRIDGE_RETRY_DELAYS", "5s,1s"),
        ("BRIDGE_CONCURRENCY", "0"),
        ("BRIDGE_LISTEN", "nowhere"),
        ("JWT_SECRET", "short-secret"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "me:hunter2@collector"),
    ]);
    let problems = RunSettings::from_source(&source).err().expect("problems").to_string();
    for name in source.keys().chain(&["COMPONENTS_URL"]) {
        assert!(problems.contains(name), "{name} in {problems}");
    }
    assert!(!["hunter2", "short-secret", "nowhere"].iter().any(|value| problems.contains(value)), "{problems}");
}

#[test]
fn files_of_tls_are_read_with_the_settings() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (variables, expected) in [
        (
            &[("TLS_CA_FILE", "/nowhere/ca.pem")][..],
            "the file in TLS_CA_FILE cannot be read (No such file or directory",
        ),
        (&[("TLS_CA_FILE", file)], "the file in TLS_CA_FILE must contain certificates in PEM format"),
        (&[("TLS_KEY_FILE", file)], "TLS_CERTIFICATE_FILE and TLS_KEY_FILE must be set together"),
        (
            &[("TLS_KEY_FILE", file), ("TLS_CERTIFICATE_FILE", file)],
            "the file in TLS_CERTIFICATE_FILE must contain certificates",
        ),
    ] {
        let problems = problems(variables);
        assert!(problems.contains(expected), "{problems}");
    }
}

/// Values that people and scripts put into settings by mistake.
const ODD: [&str; 20] = [
    "\u{0}",
    " ",
    "\n",
    "-1",
    "0",
    "99999999999999999999999",
    "1e9",
    "NaN",
    "é",
    "\u{202e}",
    "%",
    "%zz%ff",
    "amqp://",
    "amqps://me:hunter2@[::1/",
    "amqp://me:hun#ter/2@host:99999/%zz?heartbeat=x",
    "https://",
    "http://\u{0}",
    "{}",
    "[[[[",
    "[{\"name\": null}]",
];

#[test]
fn no_value_of_a_setting_causes_a_panic() {
    let names = [table::RABBITMQ, table::TLS, table::COMPONENTS, table::BRIDGE_ACCOUNT, table::SIGNING, table::RUN];
    let names = names.into_iter().chain([table::TRACES, table::LOG]).flatten().map(|row| row.name());
    let names: Vec<_> = names.collect();
    assert!(names.len() > 30, "{names:?}");
    for (name, value) in names.iter().flat_map(|name| ODD.map(|value| (*name, value))) {
        let variables: HashMap<_, _> = REQUIRED.into_iter().chain([(name, value)]).collect();
        if let Err(problems) = RunSettings::from_source(&variables) {
            assert!(!problems.to_string().contains("hunter2"), "{name}");
        }
    }
}

#[test]
fn delays_are_ascending_durations_of_at_least_a_millisecond() {
    let delays = |text| {
        let source = HashMap::from([("RABBITMQ_URL", "amqp://host"), ("BRIDGE_RETRY_DELAYS", text)]);
        AmqpSettings::from_source(&source).ok().map(|settings| settings.delays)
    };
    let milliseconds = |all: &[u64]| Some(all.iter().copied().map(Duration::from_millis).collect::<Vec<_>>());
    for (text, expected) in [
        ("100ms,300ms,1s", milliseconds(&[100, 300, 1_000])),
        ("1s, 5s", milliseconds(&[1_000, 5_000])),
        ("1m 30s,2h", milliseconds(&[90_000, 7_200_000])),
        ("5s,1s", None),
        ("0s,1s", None),
        ("1us", None),
        ("5", None),
        ("1s,,2s", None),
        ("soon", None),
    ] {
        assert_eq!(delays(text), expected, "{text}");
    }
}

#[test]
fn spans_are_exported_where_a_collector_is_configured() {
    let (all, traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let url = "http://collector:4318";
    let timeout = |variables: &[(&'static str, &'static str)]| {
        let settings = read(variables).unwrap_or_else(|problems| panic!("{problems}"));
        settings.traces.map(|traces| traces.timeout.as_millis())
    };
    assert_eq!(timeout(&[]), None);
    assert_eq!(timeout(&[(all, url)]), Some(10_000));
    assert_eq!(timeout(&[(traces, url), ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")]), Some(2_000));
    assert_eq!(timeout(&[(all, url), ("OTEL_SDK_DISABLED", "TRUE")]), None);
    assert_eq!(timeout(&[(all, url), ("OTEL_TRACES_EXPORTER", "none")]), None);
}

#[test]
fn each_problem_names_the_setting_and_its_values() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    for (variable, expected) in [
        (("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "me:hunter2@collector"), "a URL that begins with http:// or https://"),
        (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "http/protobuf"),
        (("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), "a whole number of milliseconds from 1 to 600000"),
        (("BRIDGE_GIVE_UP_AFTER", "0s"), "a duration of whole seconds, such as 90s, 30m, 24h or 7days"),
        (("BRIDGE_GIVE_UP_AFTER", "500ms"), "a duration of whole seconds, such as 90s, 30m, 24h or 7days"),
        (("BRIDGE_PREFETCH", "65536"), "a whole number from 1 to 65535"),
        (("RABBITMQ_QUEUE_TYPE", "stream"), "quorum or classic"),
        (("RABBITMQ_REQUEST_QUEUE_TYPE", "none"), "plain or quorum or classic"),
        (("RABBITMQ_PASSWORD", "hunter2\n"), ONE_LINE),
        (("RABBITMQ_VHOST", "/\n"), ONE_LINE),
        (("JWT_ISSUER", "invalid UTF-8: \u{fffd}"), ONE_LINE),
        (("COMPONENTS_URL", "http://components/\n"), "a URL that begins with http:// or https://"),
        (("RABBITMQ_HOST", "amqp://host"), "a host name or an IP address, without a scheme and a port"),
    ] {
        assert_eq!(problems(&[endpoint, variable]), format!("settings: {} must be {expected}", variable.0));
    }
}

#[test]
fn address_of_rabbitmq_is_read_and_its_problem_named() {
    let url = |url| {
        let source = HashMap::from([("RABBITMQ_URL", url)]);
        AmqpSettings::from_source(&source).map(|settings| settings.server.uri().vhost)
    };
    assert_eq!(url("amqp://u:p@host:5672/").ok().as_deref(), Some("/"));
    let problem = url("amqp://u:hunter#2@host:5672/").expect_err("a problem").to_string();
    assert!(problem.starts_with("settings: RABBITMQ_URL cannot be read: percent-encode"), "{problem}");
    assert!(!problem.contains("hunter"), "{problem}");
    let settings = read(&[("RABBITMQ_HOST", "::1")]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(settings.amqp.server.uri().authority.host, "::1");
}

#[test]
fn results_have_a_queue_if_one_is_set_and_it_is_no_queue_of_requests() {
    let queue = |name: &'static str| {
        let settings = read(&[("BRIDGE_RESULT_QUEUE", name)]).ok()?;
        Some(settings.amqp.jobs[0].result_queue.clone())
    };
    assert_eq!(queue(""), Some(None));
    assert_eq!(queue("completed"), Some(Some("completed".to_owned())));
    assert_eq!(queue("document.authentication.requested"), None);
}

#[test]
fn further_jobs_must_not_repeat_the_first_one() {
    let row = |name: &str| {
        let keys = r#""routing_key": "k", "result_keys": ["a", "b"]"#;
        format!(r#"[{{"name": "{name}", "queue": "q", {keys}}}]"#)
    };
    let names = |name: &str, queue: &str| {
        let jobs = row(name);
        let variables = [("BRIDGE_JOBS", jobs.as_str()), ("RABBITMQ_DOCUMENT_AUTH_QUEUE", queue)];
        let source: HashMap<_, _> = REQUIRED.iter().chain(&variables).copied().collect();
        let settings = AmqpSettings::from_source(&source).ok()?;
        Some(settings.jobs.into_iter().map(|job| job.name).collect::<Vec<_>>().join(","))
    };
    assert_eq!(names("registrations", "d").as_deref(), Some("documents,registrations"));
    assert_eq!(names("documents", "d"), None);
    assert_eq!(names("registrations", "q"), None);
}

#[test]
fn help_lists_names_defaults_and_values() {
    let help = table::help(&[table::RUN, table::TRACES]);
    let entry = "  BRIDGE_PREFETCH (default: 256)\n      How many unacknowledged messages";
    assert!(help.contains(entry) && help.contains("Value: a whole number from 1 to 65535."), "{help}");
    assert!(help.contains("  OTEL_SERVICE_NAME (default: connectivity-bridge)\n"), "{help}");
}
