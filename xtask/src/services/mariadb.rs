//! MariaDB.

use super::{Server, folder, spawn};
use crate::run::{Failure, block_on, failed, program, run};
use crate::token::write_private;
use std::process::Stdio;
use std::time::Duration;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The account that owns the databases of the tests.
pub(crate) const USER: &str = "connectivity";

pub(super) fn start(server: &Server) -> Result<u32, Failure> {
    let data = folder().join("mariadb");
    let shown = data.display().to_string();
    if !data.join("mysql").is_dir() {
        std::fs::create_dir_all(&data).map_err(failed(shown.clone()))?;
        let datadir = format!("--datadir={shown}");
        let arguments = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &datadir];
        let mut install = program("mariadb-install-db", &arguments);
        run(install.arg(format!("--user={}", user())).stdout(Stdio::null()))?;
    }
    // Run at every start: the password is the one in services.json, whatever was before.
    let init = folder().join("mariadb-init.sql");
    let account = format!("'{USER}'@'127.0.0.1' IDENTIFIED BY '{}'", server.password);
    write_private(&init, &format!("CREATE OR REPLACE USER {account};\nGRANT ALL ON *.* TO '{USER}'@'127.0.0.1';\n"))?;
    let mut command = program("mariadbd", &["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
    command
        .arg(format!("--user={}", user()))
        .arg(format!("--datadir={shown}"))
        .arg(format!("--port={}", server.port))
        .arg(format!("--init-file={}", init.display()))
        // Relative to the data: a socket's path may not be long.
        .args(["--socket=mariadb.sock", "--pid-file=mariadb.pid"]);
    spawn("mariadb", &mut command)
}

/// Who runs this: the server must be told, for as root it starts as nobody else of itself.
fn user() -> String {
    let output = program("id", &["-un"]).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// Does it answer a query?
pub(super) fn answers(server: &Server) -> bool {
    let url = url(server, "mysql");
    let probe = async { tokio::time::timeout(PATIENCE, connectivity_migrations::mysql::answers(&url)).await };
    block_on(probe).is_ok_and(|answer| answer == Ok(true))
}

/// The address of a database on it.
pub(crate) fn url(server: &Server, database: &str) -> String {
    format!("mysql://{USER}:{}@127.0.0.1:{}/{database}", server.password, server.port)
}
