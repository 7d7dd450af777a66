//! What a plugin answers, seen through the components that ask it.

use super::{ANSWER_TIMEOUT, Application, Capability, Report, Subject};
use crate::client::{Answer, Client, token};
use bytes::Bytes;
use govcarpeta_simulator::{Behaviour, Simulator};
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::Instant;

/// The trace of every question.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Answers of a registry that are no verdict, whatever the question. They are at most ten, so that the
/// circuit breaker stays closed.
fn no_verdict() -> [(&'static str, Behaviour); 10] {
    [
        ("an empty 200", Behaviour::text(200, "")),
        ("a 200 with HTML", Behaviour::html(200)),
        ("a 200 with text", Behaviour::text(200, "OK")),
        ("a 500", Behaviour::text(500, "error")),
        ("a 501", Behaviour::text(501, "error")),
        ("a 503 with HTML", Behaviour::html(503)),
        ("a 429", Behaviour::text(429, "")),
        ("a redirect", Behaviour::text(302, "")),
        ("a 201", Behaviour::text(201, "true")),
        ("no answer", Behaviour::Hang),
    ]
}

/// Asks the components of these capabilities. `uses_http`: the plugin asks the simulator.
pub(super) async fn test(subject: &Subject, capabilities: &[Capability], uses_http: bool, report: &mut Report) {
    for capability in capabilities {
        // An application and a registry of its own: its circuit breaker has seen no failure yet.
        let simulator = Simulator::start().await.expect("a simulator");
        let settings = if uses_http { at(simulator.url()).to_vec() } else { Vec::new() };
        let application = Application::start(subject, capabilities, &settings);
        let client = Asker { application: &application, client: Client::default() };
        match capability {
            Capability::Citizens => citizens(subject, &client, report).await,
            Capability::Documents => documents(&client, report).await,
        }
        if uses_http {
            trace(*capability, subject, &client, &simulator, report);
            failures(*capability, &client, &simulator, report).await;
        }
    }
    if !uses_http {
        return;
    }
    // A registry that is gone: a port on which nothing listens.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let application = Application::start(subject, capabilities, &at(format!("http://{closed}")));
    let client = Asker { application: &application, client: Client::default() };
    for capability in capabilities {
        expect_no_verdict(*capability, &subject.eligible, "a closed port", &client, report).await;
    }
}

fn at(url: String) -> [(String, String); 1] {
    [("registry_url".to_owned(), url)]
}

async fn failures(capability: Capability, client: &Asker<'_>, simulator: &Simulator, report: &mut Report) {
    for (number, (name, behaviour)) in no_verdict().into_iter().enumerate() {
        // A question of its own, so that nothing is answered from a record.
        let id = format!("70000{number}2");
        simulator.behave(&id, behaviour);
        expect_no_verdict(capability, &id, name, client, report).await;
        let asked = !simulator.calls(&id).is_empty();
        report.check(&format!("{capability:?}: {name} was the answer of the registry"), asked, ());
    }
}

async fn citizens(subject: &Subject, client: &Asker<'_>, report: &mut Report) {
    for (citizen, expected) in [(&subject.eligible, true), (&subject.affiliated, false)] {
        let answer = client.ask(Capability::Citizens, citizen).await;
        let what = if expected { "an eligible citizen is eligible" } else { "an affiliated citizen is not eligible" };
        report.check(what, answer.status == 200 && answer.json()["is_eligible"] == expected, &answer);
    }
    if let Some(citizen) = &subject.unavailable {
        expect_no_verdict(Capability::Citizens, citizen, "a question without a verdict", client, report).await;
    }
}

async fn documents(client: &Asker<'_>, report: &mut Report) {
    let answer = client.ask(Capability::Documents, "authentic").await;
    let status = &answer.json()["status"];
    report.check("a document gets a verdict", ["SUCCESS", "FAILED"].iter().any(|it| status == it), &answer);
}

/// The question to the registry continues the trace of the request.
fn trace(capability: Capability, subject: &Subject, client: &Asker<'_>, simulator: &Simulator, report: &mut Report) {
    let id = if capability == Capability::Citizens { &subject.eligible } else { "authentic" };
    let calls = simulator.calls(id);
    let traces = calls.iter().filter_map(|call| call.headers.get("traceparent")?.to_str().ok());
    let continued = traces.filter(|trace| trace.get(3..35) == Some(TRACE_ID)).count();
    let what = format!("{capability:?}: the registry gets the trace of the request");
    report.check(&what, continued == calls.len() && continued > 0, client.application.host.log());
}

async fn expect_no_verdict(capability: Capability, id: &str, name: &str, client: &Asker<'_>, report: &mut Report) {
    let started = Instant::now();
    let answer = client.ask(capability, id).await;
    let verdict = !answer.json()["is_eligible"].is_null() || answer.json()["status"] == "SUCCESS";
    report.check(&format!("{capability:?}: {name} is no verdict"), answer.status == 503 && !verdict, &answer);
    let took = started.elapsed();
    report.check(&format!("{capability:?}: {name} is answered in time"), took < ANSWER_TIMEOUT, took);
}

/// Asks the application.
struct Asker<'a> {
    application: &'a Application,
    client: Client,
}

impl Asker<'_> {
    /// Asks about a citizen, or about a document with this title.
    async fn ask(&self, capability: Capability, id: &str) -> Answer {
        let (path, body): (_, Value) = match capability {
            Capability::Citizens => ("/api/v1/affiliation/check/", json!({ "citizen_id": id })),
            Capability::Documents => (
                "/api/v1/documents/authenticate/",
                json!({"idCitizen": 1_128_456_232, "UrlDocument": "https://bucket.example/a.pdf", "documentTitle": id}),
            ),
        };
        let request = Request::post(self.application.host.url(path))
            .header(header::AUTHORIZATION, format!("Bearer {}", token()))
            .header(header::CONTENT_TYPE, "application/json")
            .header("traceparent", format!("00-{TRACE_ID}-00f067aa0ba902b7-01"))
            .body(Full::new(Bytes::from(body.to_string())));
        self.client.send(request.expect("a request")).await
    }
}
