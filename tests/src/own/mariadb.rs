//! MariaDB that accepts TLS only.

use super::{Own, free_port};
use crate::certificates::Certified;
use crate::folder;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts a server that runs these statements when it starts.
pub async fn mariadb(tls: &Certified, statements: &str) -> Own {
    let (folder, port) = (folder::temporary(), free_port());
    let data = folder.join("data");
    let user = "--user=root";
    let options = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", user];
    let mut install = Command::new("mariadb-install-db");
    install.args(options).arg(format!("--datadir={}", data.display())).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(install.status().expect("mariadb-install-db").success());
    let init = folder.join("init.sql");
    std::fs::write(&init, statements).expect("a file");
    let file = |option: &str, path: &Path| format!("--{option}={}", path.display());
    let mut command =
        Command::new(if Path::new("/usr/sbin/mariadbd").exists() { "/usr/sbin/mariadbd" } else { "mariadbd" });
    command
        .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", user])
        .args(["--require-secure-transport=ON", "--socket=mariadb.sock", "--pid-file=mariadb.pid"])
        .args([format!("--port={port}"), file("datadir", &data), file("init-file", &init)])
        .args([file("ssl-cert", &tls.certificate), file("ssl-key", &tls.key)]);
    let mut server = Own::start(&mut command, folder, port);
    // It listens after it has run the statements.
    server.until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    server
}
