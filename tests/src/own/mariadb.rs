//! MariaDB that accepts TLS only, that has its data on a small disk, or that another one follows.

use super::{Own, free_port};
use crate::certificates::Certified;
use crate::folder::{Temporary, temporary};
use crate::servers::{Server, USER};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

/// Where Debian keeps the server, which is on the PATH of root only.
const DEBIAN: &str = "/usr/sbin/mariadbd";

/// The account that may do everything. That of the application may not write while the server is
/// read-only.
const OPERATOR: &str = "operator";

/// A running server with an account for the application and one for its operator.
pub struct MariaDb {
    own: Own,
    server: Server,
}

/// Starts a server that accepts TLS only, and runs these statements when it starts.
pub async fn mariadb(tls: &Certified, statements: &str) -> Own {
    let folder = temporary();
    let data = folder.join("data");
    let file = |option: &str, path: &Path| format!("--{option}={}", path.display());
    let certificate = [file("ssl-cert", &tls.certificate), file("ssl-key", &tls.key)];
    let options = ["--require-secure-transport=ON"].into_iter().chain(certificate.iter().map(String::as_str));
    start(folder, &data, statements, &options.collect::<Vec<_>>()).await.expect("MariaDB")
}

/// Starts a server whose data is in this folder, and which runs these statements when it starts.
/// Returns `None` where MariaDB is not installed.
async fn start(folder: Temporary, data: &Path, statements: &str, options: &[&str]) -> Option<Own> {
    let log = File::create(folder.join("install.log")).expect("a file");
    let account = Command::new("id").arg("-un").output().ok()?.stdout;
    let place = [
        format!("--user={}", String::from_utf8_lossy(&account).trim()),
        format!("--datadir={}", data.display()),
        "--innodb-log-file-size=4M".to_owned(),
    ];
    let mut install = Command::new("mariadb-install-db");
    install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    install.args(&place).stdout(log.try_clone().expect("a file")).stderr(log);
    if !install.status().is_ok_and(|status| status.success()) {
        return None;
    }
    let (init, port) = (folder.join("init.sql"), free_port());
    fs::write(&init, statements).expect("a file");
    let mut command = Command::new(if Path::new(DEBIAN).exists() { DEBIAN } else { "mariadbd" });
    command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]).args(&place);
    command.args([format!("--port={port}"), format!("--init-file={}", init.display())]);
    command.args(["--socket=mariadb.sock", "--pid-file=mariadb.pid"]).args(options);
    let mut own = Own::start(&mut command, folder, port);
    // It listens after it has run the statements.
    own.until(|| TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    Some(own)
}

impl MariaDb {
    /// Starts a server whose data is in this folder. Returns `None` where MariaDB is not installed.
    pub async fn start_in(data: &Path) -> Option<Self> {
        Self::run(temporary(), data, random(), &[]).await
    }

    /// Starts a server, and another one that replicates it. They have the same accounts, because
    /// those are replicated too.
    pub async fn replicated() -> Option<[Self; 2]> {
        let (password, folders) = (random(), [temporary(), temporary()]);
        let [first, second] = folders.map(|folder| (folder.join("data"), folder));
        let first = Self::run(first.1, &first.0, password.clone(), &["--server-id=1", "--log-bin=log"]).await?;
        let second = Self::run(second.1, &second.0, password, &["--server-id=2"]).await?;
        second.follow(&first).await;
        Some([first, second])
    }

    async fn run(folder: Temporary, data: &Path, password: String, options: &[&str]) -> Option<Self> {
        let grant = |account, rights| {
            let name = format!("'{account}'@'127.0.0.1'");
            format!("CREATE OR REPLACE USER {name} IDENTIFIED BY '{password}';\nGRANT {rights} ON *.* TO {name};\n")
        };
        let rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES";
        let statements = [grant(USER, rights), grant(OPERATOR, "ALL")].concat();
        let own = start(folder, data, &statements, options).await?;
        let server = Server { pid: own.child.id(), port: own.port, password };
        Some(Self { own, server })
    }

    /// Returns where it is, with the credentials of the application.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Executes a statement as its operator, and returns the first column of the first row.
    async fn ask(&self, sql: &str) -> Option<String> {
        let options = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(self.server.port);
        let options = options.prefer_socket(false).user(Some(OPERATOR)).pass(Some(&self.server.password));
        let mut connection = Conn::new(options).await.expect("the server");
        connection.query_first(sql).await.expect("an answer")
    }

    async fn follow(&self, first: &Self) {
        let Server { port, password, .. } = &first.server;
        self.ask(&format!(
            "CHANGE MASTER TO master_host = '127.0.0.1', master_port = {port}, master_user = '{OPERATOR}', \
             master_password = '{password}', master_use_gtid = slave_pos"
        ))
        .await;
        self.ask("START SLAVE").await;
    }

    /// Makes the server that this one follows read-only, and ends the replication when it has
    /// caught up.
    pub async fn promote(&self, first: &Self) {
        first.ask("SET GLOBAL read_only = 1").await;
        let position = first.ask("SELECT @@gtid_binlog_pos").await.expect("a position");
        let waited = self.ask(&format!("SELECT CONCAT(MASTER_GTID_WAIT('{position}', 30))")).await;
        assert_eq!(waited.as_deref(), Some("0"), "the replica did not catch up: {}", self.own.log());
        self.ask("STOP SLAVE").await;
    }
}

fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
