//! The API's document: written, validated, and compared with what the service does.

use crate::run::{Failure, announce, failed, program, root, run, target};
use crate::tools::Tools;
use crate::up::{INSTANCES, Running, simulate};
use crate::{build, token};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

/// Where the document is kept, and served from.
const DOCUMENT: &str = "components/ops/openapi.json";

/// How the service is compared with its document.
const SETTINGS: &str = "xtask/src/api/schemathesis.toml";

/// Requests for each operation in each phase. More find more, and take longer: the suite runs them every time.
const EXAMPLES: &str = "30";

/// Name and secret of the account that logs in. Not a secret of anything; the document's example says it too.
const ACCOUNT: (&str, &str) = ("operator", "the secret that was shown once");

/// Where the tools are, and what the application keeps.
fn folder() -> PathBuf {
    target().join("api")
}

/// Writes the document from what the code says.
pub(crate) fn write() -> Result<(), Failure> {
    announce("building what writes the document");
    run(&mut build::native("build", &["--bins"]))?;
    let writer = target().join("release/connectivity-api").display().to_string();
    let output = program(&writer, &[]).output().map_err(failed(writer.clone()))?;
    if !output.status.success() {
        return Err(Failure(format!("{writer} ended with {}", output.status)));
    }
    std::fs::write(root().join(DOCUMENT), output.stdout).map_err(failed(DOCUMENT))?;
    println!("{DOCUMENT} is what the code says; commit it");
    Ok(())
}

/// Builds everything and checks.
pub(crate) fn lint() -> Result<(), Failure> {
    build::build()?;
    check()
}

/// Checks the document, and the service that has been built by it.
pub(crate) fn check() -> Result<(), Failure> {
    announce("the API's document");
    let tools = Tools::prepare(&folder().join("tools"), include_str!("api/requirements.txt"))?;
    match tools.find("openapi-spec-validator") {
        Some(validator) => run(&mut program(&validator, &["--validation-errors", "all", "--schema", "3.1", DOCUMENT]))?,
        None => announce("SKIPPED: the document's validation: pip install openapi-spec-validator"),
    }
    if let Some(schemathesis) = tools.find("schemathesis") {
        return compare(&schemathesis);
    }
    announce("SKIPPED: the comparison of the service with its document: pip install schemathesis");
    Ok(())
}

/// Runs the application on databases of its own, and sends it what the document allows and what it does not.
fn compare(schemathesis: &str) -> Result<(), Failure> {
    announce("the service, compared with its document");
    let state = folder().join("state");
    // What an earlier run left; there may be nothing.
    let _ = std::fs::remove_dir_all(&state);
    let mut command = program(&target().join("release/connectivity-host").display().to_string(), &[]);
    command.args(["--from", "spin.toml", "--listen", "127.0.0.1:0", "--state-dir"]).arg(&state).args(INSTANCES);
    for script in connectivity_migrations::SQLITE {
        command.args(["--sqlite", &format!("@{script}")]);
    }
    let _simulator = simulate(&mut command)?;
    let (name, secret) = ACCOUNT;
    let accounts = serde_json::json!([{"name": name, "secret": secret, "scopes": ["affiliation", "documents"]}]);
    for (name, value) in [
        ("JWT_SECRET", token::secret()?),
        ("SERVICE_ACCOUNTS", accounts.to_string()),
        ("THROTTLE_USER", "1000000/hour".to_owned()),
        ("THROTTLE_ANON", "1000000/hour".to_owned()),
        ("LOG_LEVEL", "error".to_owned()),
    ] {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    let mut application = Running(command.stdout(Stdio::piped()).spawn().map_err(failed("the application"))?);
    let stdout = application.0.stdout.take().ok_or_else(|| Failure("no output".into()))?;
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let url = lines.find_map(|line| line.strip_prefix("Serving ").map(str::to_owned));
    let url = url.ok_or_else(|| Failure("the application did not start".into()))?;
    // Its log goes on, and somebody has to read it.
    std::thread::spawn(move || lines.for_each(drop));
    let settings = root().join(SETTINGS).display().to_string();
    let arguments = ["--config-file", &settings, "run", DOCUMENT, "--url", &url];
    let mut command = program(schemathesis, &arguments);
    // The same requests every time: what fails here fails there.
    command.args(["--max-examples", EXAMPLES, "--generation-deterministic"]);
    command
        .env("NAME", name)
        .env("SECRET", secret)
        .env("TOKEN", token::development("admin affiliation documents", 60)?);
    run(&mut command)
}
