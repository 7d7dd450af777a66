//! MariaDB.

use super::server::{Server, folder, spawn};
use crate::failure::{Failure, failed};
use crate::run::{program, run};
use crate::token::write_private;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

/// How long the server may take to send its greeting.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);

/// The account that owns the databases of the tests and of `up --services`.
pub(crate) const USER: &str = "connectivity";

/// The database of `up --services`.
pub(crate) const DATABASE: &str = "connectivity";

pub(super) fn start(server: &Server) -> Result<u32, Failure> {
    let data = folder().join("mariadb");
    let shown = data.display().to_string();
    if !data.join("mysql").is_dir() {
        std::fs::create_dir_all(&data).map_err(failed(shown.clone()))?;
        // Relative to the working directory, because the script splits a path at its blanks.
        let datadir = "--datadir=./mariadb";
        let arguments = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", datadir];
        let mut install = program("mariadb-install-db", &arguments);
        run(install.current_dir(folder()).arg(format!("--user={}", user())).stdout(Stdio::null()))?;
    }
    // Run at every start, so that the password is always the one in services.json.
    let init = folder().join("mariadb-init.sql");
    let account = format!("'{USER}'@'127.0.0.1' IDENTIFIED BY '{}'", server.password);
    let statements = [
        format!("CREATE OR REPLACE USER {account};"),
        format!("GRANT ALL ON *.* TO '{USER}'@'127.0.0.1';"),
        format!("CREATE DATABASE IF NOT EXISTS {DATABASE};"),
        // Nobody connects without a password: a hostile plugin of the tests tries to.
        "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1';".to_owned(),
        format!("ALTER USER 'root'@'localhost' IDENTIFIED BY '{}';", server.password),
    ];
    write_private(&init, &(statements.join("\n") + "\n"))?;
    let mut command = program("mariadbd", &["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
    command
        .arg(format!("--user={}", user()))
        .arg(format!("--datadir={shown}"))
        .arg(format!("--port={}", server.port))
        .arg(format!("--init-file={}", init.display()))
        // Relative to the data folder, because the path of a socket is limited to 107 bytes.
        .args(["--socket=mariadb.sock", "--pid-file=mariadb.pid"]);
    spawn("mariadb", &mut command)
}

/// Returns the name of the current user. The server refuses to run as root without the option
/// `--user`.
fn user() -> String {
    let output = program("id", &["-un"]).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// Returns whether the server greets a new connection.
///
/// The greeting is a packet with a header of 4 bytes, whose first byte is the protocol version, 10.
/// The server accepts connections only after it has run the statements of `--init-file`.
pub(super) fn answers(server: &Server) -> bool {
    let greeting = || -> std::io::Result<[u8; 5]> {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
        stream.set_read_timeout(Some(GREETING_TIMEOUT))?;
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting)?;
        Ok(greeting)
    };
    greeting().is_ok_and(|greeting| greeting[3..] == [0, 10])
}

/// Runs statements as the administrator.
pub(crate) fn administer(server: &Server, statements: &str) -> Result<(), Failure> {
    // Relative to the data folder, like the socket itself.
    let mut client = program("mariadb", &["--no-defaults", "--user=root", "--socket=mariadb.sock"]);
    client.current_dir(folder().join("mariadb")).env("MYSQL_PWD", &server.password).stdin(Stdio::piped());
    let mut child = client.spawn().map_err(failed("mariadb"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(statements.as_bytes()).map_err(failed("mariadb"))?;
    }
    let status = child.wait().map_err(failed("mariadb"))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("mariadb ended with {status}"))) }
}

/// Returns the URL of the database of `up --services`.
pub(crate) fn url(server: &Server) -> String {
    format!("mysql://{USER}:{}@127.0.0.1:{}/{DATABASE}", server.password, server.port)
}
