//! The OpenAPI document: written, validated, and compared with what the service does.

use crate::build::{self, HOST, SIMULATOR};
use crate::failure::{Failure, failed};
use crate::project::{built, root, target};
use crate::run::{announce, program, run, say};
use crate::running::Running;
use crate::tools::Tools;
use crate::{application, token};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The document, which the component `ops` serves.
const DOCUMENT: &str = "components/ops/openapi.json";

/// The program that writes the document.
const WRITER: &str = "connectivity-api";

/// How Schemathesis compares the service with its document.
const SETTINGS: &str = "xtask/src/api/schemathesis.toml";

/// How a client is generated from the document, and the program that uses it.
const CLIENT_SETTINGS: &str = "xtask/src/api/client.yml";
const CLIENT: &str = "xtask/src/api/client.py";

/// The number of requests for each operation in each phase. More requests find more and take
/// longer; the suite sends them every time.
const EXAMPLES: &str = "30";

/// Name and secret of the account that logs in: those of the document's example.
const ACCOUNT: (&str, &str) = ("operator", "the secret that was shown once");

/// Returns the folder of the tools and of the application's data.
fn folder() -> PathBuf {
    target().join("api")
}

/// Writes the document that the components describe.
pub(crate) fn write() -> Result<(), Failure> {
    build::native_programs(&[WRITER])?;
    let writer = built(WRITER);
    let output = program(&writer, &[]).output().map_err(failed(writer.clone()))?;
    if !output.status.success() {
        return Err(Failure(format!("{writer} ended with {}", output.status)));
    }
    std::fs::write(root().join(DOCUMENT), output.stdout).map_err(failed(DOCUMENT))?;
    say!("{DOCUMENT} is up to date: commit it if it has changed");
    Ok(())
}

/// Builds the application, and checks the document.
pub(crate) fn lint() -> Result<(), Failure> {
    build::application(&[HOST, SIMULATOR])?;
    check()
}

/// Validates the document, and compares the service with it. The application must be built.
pub(crate) fn check() -> Result<(), Failure> {
    announce("the OpenAPI document");
    let tools = Tools::prepare(&folder().join("tools"), include_str!("api/requirements.txt"))?;
    match tools.find("openapi-spec-validator") {
        Some(validator) => run(&mut program(&validator, &["--validation-errors", "all", "--schema", "3.1", DOCUMENT]))?,
        None => announce("SKIPPED: validating the document needs `pip install openapi-spec-validator`"),
    }
    let service = Service::start()?;
    match tools.find("openapi-python-client") {
        Some(generator) => use_client(&generator, &tools, &service)?,
        None => announce("SKIPPED: generating a client needs `pip install openapi-python-client`"),
    }
    match tools.find("schemathesis") {
        Some(schemathesis) => compare(&schemathesis, &service)?,
        None => announce("SKIPPED: comparing the service with its document needs `pip install schemathesis`"),
    }
    Ok(())
}

/// The running application, on databases of its own.
struct Service {
    _application: Running,
    _simulator: Running,
    url: String,
    token: String,
}

impl Service {
    /// Sets what programs need to call the service.
    fn hand_over(&self, command: &mut Command) {
        let (name, secret) = ACCOUNT;
        command.env("NAME", name).env("SECRET", secret).env("TOKEN", &self.token);
    }

    fn start() -> Result<Self, Failure> {
        let state = folder().join("state");
        // The data of an earlier run, if there was one.
        let _ = std::fs::remove_dir_all(&state);
        let mut command = application::serve(false, "127.0.0.1:0");
        command.arg("--state-dir").arg(&state);
        let simulator = application::simulate(&mut command)?;
        let (name, secret) = ACCOUNT;
        let accounts = serde_json::json!([{"name": name, "secret": secret, "scopes": ["affiliation", "documents"]}]);
        token::use_key_pair(&mut command)?;
        for (variable, value) in [
            ("SERVICE_ACCOUNTS", accounts.to_string()),
            ("THROTTLE_USER", "1000000/hour".to_owned()),
            ("THROTTLE_ANON", "1000000/hour".to_owned()),
            ("LOG_LEVEL", "error".to_owned()),
        ] {
            application::set(&mut command, variable, value);
        }
        let mut application = Running(command.stdout(Stdio::piped()).spawn().map_err(failed("the application"))?);
        let stdout = application.0.stdout.take().ok_or_else(|| Failure("no output".into()))?;
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("Serving ").map(str::to_owned));
        let url = url.ok_or_else(|| Failure("the application did not start".into()))?;
        // The application blocks when its output is not read.
        std::thread::spawn(move || lines.for_each(drop));
        let token = token::development("admin affiliation documents", 60)?;
        Ok(Self { _application: application, _simulator: simulator, url, token })
    }
}

/// Generates a client from the document, and calls the service with it.
fn use_client(generator: &str, tools: &Tools, service: &Service) -> Result<(), Failure> {
    announce("a client that is generated from the OpenAPI document");
    let (settings, client) = (root().join(CLIENT_SETTINGS).display().to_string(), folder().join("client"));
    let folder = client.display().to_string();
    let arguments = ["generate", "--path", DOCUMENT, "--output-path", &folder, "--overwrite", "--config", &settings];
    run(program(generator, &arguments).stdout(Stdio::null()))?;
    let python = tools.find("python3").unwrap_or_else(|| "python3".to_owned());
    let mut command = program(&python, &[&root().join(CLIENT).display().to_string(), &folder, &service.url]);
    service.hand_over(&mut command);
    run(&mut command)
}

/// Sends the service requests that the document allows and requests that it forbids.
fn compare(schemathesis: &str, service: &Service) -> Result<(), Failure> {
    announce("the service, compared with its OpenAPI document");
    let settings = root().join(SETTINGS).display().to_string();
    let arguments = ["--config-file", &settings, "run", DOCUMENT, "--url", &service.url];
    let mut command = program(schemathesis, &arguments);
    // The same requests every time, so that a failure in CI can be repeated.
    command.args(["--max-examples", EXAMPLES, "--generation-deterministic"]);
    service.hand_over(&mut command);
    run(&mut command)
}
