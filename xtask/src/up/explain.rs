//! What is printed once the application runs: whether it is ready, and how to try it.

use crate::build::BRIDGE;
use crate::failure::Failure;
use crate::project::built;
use crate::run::{announce, say};
use crate::token;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The body of a request to authenticate a document.
const DOCUMENT: &str =
    r#"{"idCitizen": 1128456232, "UrlDocument": "https://bucket.example/diploma.pdf", "documentTitle": "Diploma"}"#;

/// How long the application may take to answer the probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls the readiness probe, so that wrong settings are reported now and not by the first request.
pub(super) fn expect_ready(address: &str) {
    let mut response = String::new();
    let result = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
        write!(stream, "GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        stream.read_to_string(&mut response)
    });
    if result.is_err() || !response.starts_with("HTTP/1.1 200") {
        let body = response.rsplit("\r\n\r\n").next().unwrap_or_default();
        eprintln!("xtask: the application runs but is not ready: {body}\nThe application's log above says why.");
    }
}

/// What the examples depend on.
pub(super) struct Urls<'a> {
    pub(super) address: &'a str,
    /// Whether the bridge and RabbitMQ run.
    pub(super) services: bool,
    /// Whether the registry is the simulator.
    pub(super) simulated: bool,
}

/// Prints a token and requests to try.
pub(super) fn explain(urls: &Urls<'_>) -> Result<(), Failure> {
    let Urls { address, services, simulated } = *urls;
    if simulated {
        announce(
            "The registry is SIMULATED: even citizen ids are free, odd ones are affiliated. --registry-url asks a real registry.",
        );
    }
    let (secret, token) = (token::secret(token::ADMIN)?, token::development("affiliation documents", 60)?);
    say!("\nA token for the next hour (for another one: cargo xtask token):\n\n  TOKEN={token}\n");
    checks(address);
    documents(address, services);
    say!(
        "# create an account for a client; its secret is shown once (`cargo xtask build` makes the program)\nCOMPONENTS_URL=http://{address} ADMIN_CLIENT_ID={} ADMIN_CLIENT_SECRET={secret} {} service-account create NAME --scope affiliation\n",
        token::ADMIN,
        built(BRIDGE)
    );
    say!("The API is described at http://{address}/api/docs/\nCtrl-C stops the application.");
    Ok(())
}

const BEARER: &str = "-H \"authorization: Bearer $TOKEN\" ";
const JSON: &str = "-H 'content-type: application/json'";

fn checks(address: &str) {
    let url = format!("http://{address}/api/v1/affiliation");
    for (title, header, id) in [
        ("eligible", BEARER, "1128456232"),
        ("already affiliated", BEARER, "1128456231"),
        ("not a citizen id", BEARER, "12"),
        ("no token", "", "1128456232"),
    ] {
        say!("# {title}\ncurl -i {url}/check/ {header}{JSON} -d '{{\"citizen_id\": \"{id}\"}}'\n");
    }
    say!("# the checks so far\ncurl -i {BEARER}'{url}/history/?citizen_id=1128456232'\n");
}

fn documents(address: &str, services: bool) {
    let url = format!("http://{address}/api/v1/documents/authenticate/");
    say!("# is a document authentic?\ncurl -i {url} {BEARER}{JSON} -d '{DOCUMENT}'\n");
    if services {
        say!(
            "# the same through RabbitMQ; the result is printed here\necho '{DOCUMENT}' | RABBITMQ_URL=$(cargo xtask rabbitmq-url) {} publish\n",
            built(BRIDGE)
        );
    } else {
        say!("# RabbitMQ and asynchronous requests (Prefer: respond-async) need: cargo xtask up --services\n");
    }
}
