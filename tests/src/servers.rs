//! The servers that `cargo xtask services start` has started.

use mysql_async::Opts;
use mysql_async::prelude::Queryable;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `target/services/services.json`
#[derive(Clone, Debug, Deserialize)]
pub struct Servers {
    /// MariaDB.
    pub mariadb: Server,
    /// Redis.
    pub redis: Server,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its password.
    pub password: String,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
}

/// The name of the account on MariaDB.
pub const USER: &str = "connectivity";

/// The root of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

impl Servers {
    /// The running servers.
    ///
    /// # Panics
    /// They have not been started: the message says how to.
    pub fn running() -> Self {
        let path = root().join("target/services/services.json");
        let text = std::fs::read_to_string(path).expect("run `cargo xtask services start` first");
        serde_json::from_str(&text).expect("services.json is JSON")
    }

    /// A new database with the schema in it, and its name.
    ///
    /// # Panics
    /// MariaDB does not do it.
    pub async fn fresh_database(&self) -> String {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let server = format!("mysql://{USER}:{}@{}", self.mariadb.password, self.mariadb.address());
        let created = connectivity_migrations::create_database(&format!("{server}/mysql"), &name).await;
        created.expect("a new database");
        connectivity_migrations::migrate(&format!("{server}/{name}")).await.expect("the schema");
        name
    }

    /// The first column of the rows that a statement finds, as text.
    ///
    /// # Panics
    /// MariaDB does not do it.
    pub async fn ask(&self, database: &str, sql: &str) -> Vec<String> {
        let url = format!("mysql://{USER}:{}@{}/{database}", self.mariadb.password, self.mariadb.address());
        let mut connection = mysql_async::Conn::new(Opts::from_url(&url).expect("an address")).await.expect("MariaDB");
        let rows = connection.query(sql).await.expect("rows");
        connection.disconnect().await.expect("an orderly end");
        rows
    }
}
