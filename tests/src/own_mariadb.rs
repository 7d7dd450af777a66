//! A MariaDB of one test, beside the one that `cargo xtask services start` has started.

use crate::folder;
use crate::servers::{Server, USER};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the server may take to start.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The account that may do everything. That of the application may not write while the server is
/// read-only.
const OPERATOR: &str = "operator";

/// A running server. It is killed on drop, and its files are removed.
pub struct OwnMariaDb {
    child: Child,
    /// Its settings and its log.
    folder: PathBuf,
    server: Server,
}

impl Drop for OwnMariaDb {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = (self.child.kill(), self.child.wait());
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl OwnMariaDb {
    /// Starts a server whose data is in this folder. Returns `None` where MariaDB is not installed.
    pub async fn start_in(data: &Path) -> Option<Self> {
        Self::run(folder::temporary(), data, random(), &[]).await
    }

    /// Starts a server, and another one that replicates it. They have the same accounts, because
    /// those are replicated too.
    pub async fn replicated() -> Option<[Self; 2]> {
        let (password, folders) = (random(), [folder::temporary(), folder::temporary()]);
        let [first, second] = folders.map(|folder| (folder.join("data"), folder));
        let first = Self::run(first.1, &first.0, password.clone(), &["--server-id=1", "--log-bin=log"]).await?;
        let second = Self::run(second.1, &second.0, password, &["--server-id=2"]).await?;
        second.follow(&first).await;
        Some([first, second])
    }

    async fn run(folder: PathBuf, data: &Path, password: String, options: &[&str]) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let log = File::create(folder.join("log")).expect("a file");
        let output = || Stdio::from(log.try_clone().expect("the log"));
        let account = Command::new("id").arg("-un").output().ok()?.stdout;
        let place = [
            format!("--user={}", String::from_utf8_lossy(&account).trim()),
            format!("--datadir={}", data.display()),
            "--innodb-log-file-size=4M".to_owned(),
        ];
        let mut install = Command::new("mariadb-install-db");
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.args(&place).stdout(output()).stderr(output());
        if !install.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let init = folder.join("init.sql");
        let grant = |account, rights| {
            let name = format!("'{account}'@'127.0.0.1'");
            format!("CREATE OR REPLACE USER {name} IDENTIFIED BY '{password}';\nGRANT {rights} ON *.* TO {name};\n")
        };
        let rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES";
        fs::write(&init, [grant(USER, rights), grant(OPERATOR, "ALL")].concat()).expect("a file");
        let mut server = Command::new("mariadbd");
        server.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]).args(&place);
        server.args([format!("--port={port}"), format!("--init-file={}", init.display())]);
        server.args(["--socket=mariadb.sock", "--pid-file=mariadb.pid"]).args(options);
        let child = server.stdin(Stdio::null()).stdout(output()).stderr(output()).spawn().ok()?;
        let server = Server { pid: child.id(), port, password };
        let own = Self { child, folder, server };
        let started = Instant::now();
        // The statements of `--init-file` have run before the server accepts a connection.
        while own.connect().await.is_err() {
            assert!(started.elapsed() < START_TIMEOUT, "MariaDB did not start: {:?}", own.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(own)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Returns where it is, with the credentials of the application.
    pub fn server(&self) -> &Server {
        &self.server
    }

    async fn connect(&self) -> mysql_async::Result<Conn> {
        let options = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(self.server.port);
        let options = options.prefer_socket(false).user(Some(OPERATOR)).pass(Some(&self.server.password));
        Conn::new(options).await
    }

    /// Executes a statement as its operator, and returns the first column of the first row.
    async fn ask(&self, sql: &str) -> Option<String> {
        let mut connection = self.connect().await.expect("the server");
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

    /// Makes the server that this one follows read-only, and ends the replication when it has caught
    /// up.
    pub async fn promote(&self, first: &Self) {
        first.ask("SET GLOBAL read_only = 1").await;
        let position = first.ask("SELECT @@gtid_binlog_pos").await.expect("a position");
        let waited = self.ask(&format!("SELECT CONCAT(MASTER_GTID_WAIT('{position}', 30))")).await;
        assert_eq!(waited.as_deref(), Some("0"), "the replica did not catch up: {}", self.log());
        self.ask("STOP SLAVE").await;
    }
}
