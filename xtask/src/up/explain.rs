//! What is told once the application runs: whether it is ready, and how to try it.

use crate::run::{Failure, announce};
use crate::token;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request to authenticate a document.
const DOCUMENT: &str =
    r#"{"idCitizen": 1128456232, "UrlDocument": "https://bucket.example/diploma.pdf", "documentTitle": "Diploma"}"#;

/// Asks whether the settings are right and the servers there, so that it is told now and not with the first call.
pub(super) fn expect_ready(address: &str) {
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    if asked.is_err() || !answer.starts_with("HTTP/1.1 200") {
        let body = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
        eprintln!("xtask: the application runs, but is not ready: {body}\nIts log says what is wrong.");
    }
}

/// Shows how to try it.
pub(super) fn explain(address: &str, services: bool, simulated: bool) -> Result<(), Failure> {
    let token = token::development("affiliation documents", 60)?;
    let url = format!("http://{address}/api/v1/affiliation");
    if simulated {
        announce(
            "The registry is SIMULATED: even ids are nobody's, odd ids are affiliated. --registry-url asks a real one.",
        );
    }
    println!("\nA secret for development signs the tokens: {}", token::secret()?);
    println!("A token for the next hour (another: cargo xtask token):\n\n  TOKEN={token}\n");
    let check = |what: &str, header: &str, id: &str| {
        println!(
            "# {what}\ncurl -i {url}/check/ {header}-H 'content-type: application/json' -d '{{\"citizen_id\": \"{id}\"}}'\n"
        );
    };
    let bearer = "-H \"authorization: Bearer $TOKEN\" ";
    check("eligible", bearer, "1128456232");
    check("already affiliated", bearer, "1128456231");
    check("not a citizen id", bearer, "12");
    check("without a token", "", "1128456232");
    let documents = format!("http://{address}/api/v1/documents");
    println!(
        "# is a document authentic?\ncurl -i {documents}/authenticate/ {bearer}-H 'content-type: application/json' -d '{DOCUMENT}'\n"
    );
    if services {
        let url = "$(cargo xtask rabbitmq-url)";
        println!(
            "# the same through RabbitMQ: its result is printed here\necho '{DOCUMENT}' | RABBITMQ_URL={url} target/release/connectivity-bridge publish\n"
        );
    }
    if !services {
        println!("# the queue (Prefer: respond-async, RabbitMQ) needs the bridge: cargo xtask up --services\n");
    }
    println!(
        "# an account of its own for a client; its secret is shown once\nCOMPONENTS_URL=http://{address} JWT_SECRET={} target/release/connectivity-bridge service-account create NAME --scope affiliation\n",
        token::secret()?
    );
    println!("# what was checked\ncurl -i {bearer}'{url}/history/?citizen_id=1128456232'\n\nCtrl-C ends it.");
    Ok(())
}
