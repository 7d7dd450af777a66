//! The servers that `cargo xtask services start` has started.

use connectivity_migrations::mysql;
use mysql_async::Opts;
use mysql_async::prelude::Queryable;
use serde::Deserialize;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The content of `target/services/services.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Servers {
    pub mariadb: Server,
    pub redis: Server,
    pub rabbitmq: Server,
}

/// One server on 127.0.0.1.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    pub pid: u32,
    pub port: u16,
    pub password: String,
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
}

/// The name of the account on MariaDB and on RabbitMQ.
pub const USER: &str = "connectivity";

/// The number of databases of the Redis that `services start` starts. Database 0 counts the ones
/// that were handed out.
const CACHES: i64 = 4096;

/// The key of that counter.
const HANDED_OUT: &str = "connectivity-tests:handed-out";

/// Returns the root of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

impl Servers {
    /// Returns the running servers.
    pub fn running() -> Self {
        let path = root().join("target/services/services.json");
        let text = std::fs::read_to_string(path).expect("run `cargo xtask services start` first");
        serde_json::from_str(&text).expect("services.json is JSON")
    }

    /// Creates a database without tables and returns its name.
    pub async fn empty_database(&self) -> String {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        mysql::create_database(&self.database_url("mysql"), &name).await.expect("a new database");
        name
    }

    /// Creates a database with the current schema and returns its name.
    pub async fn fresh_database(&self) -> String {
        let name = self.empty_database().await;
        mysql::migrate(&self.database_url(&name)).await.expect("the schema");
        name
    }

    /// Returns the address of a database on MariaDB, with the credentials of the tests.
    pub fn database_url(&self, name: &str) -> String {
        format!("mysql://{USER}:{}@{}/{name}", self.mariadb.password, self.mariadb.address())
    }

    /// Returns the number of an empty database on Redis that no other test uses.
    pub fn fresh_cache(&self) -> u16 {
        let handed_out = self.redis_number(&format!("INCR {HANDED_OUT}\r\n"));
        let number = u16::try_from(handed_out % (CACHES - 1) + 1).expect("a small number");
        self.empty_cache(number);
        number
    }

    /// Deletes everything in a database on Redis, as an operator may at any time.
    pub fn empty_cache(&self, number: u16) {
        assert_eq!(self.redis_number(&format!("SELECT {number}\r\nFLUSHDB\r\nDBSIZE\r\n")), 0);
    }

    /// Removes all scripts from Redis, as a restart does. This affects other tests too, which must
    /// cope with it.
    pub fn forget_scripts(&self) {
        let known = "SCRIPT EXISTS 0000000000000000000000000000000000000000\r\n";
        assert_eq!(self.redis_number(&format!("SCRIPT FLUSH\r\n{known}")), 0);
    }

    /// Returns the number of callers whose rate the guard counts in a database on Redis.
    pub fn callers(&self, number: u16) -> i64 {
        let script = "return #redis.call('KEYS', 'connectivity:{guard}:throttle:*')";
        self.redis_number(&format!("SELECT {number}\r\nEVAL \"{script}\" 0\r\n"))
    }

    /// Returns the last integer that Redis replies to these inline commands.
    fn redis_number(&self, commands: &str) -> i64 {
        let mut stream = std::net::TcpStream::connect(self.redis.address()).expect("Redis");
        write!(stream, "AUTH {}\r\n{commands}QUIT\r\n", self.redis.password).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let number = answer.lines().rev().find_map(|line| line.strip_prefix(':'));
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number in {answer:?}"))
    }

    /// Returns the variables of an application that uses this database and an empty cache.
    pub fn variables(&self, database: &str) -> Vec<(&'static str, String)> {
        self.variables_at(self.mariadb.address(), self.redis.address(), database, self.fresh_cache())
    }

    /// Returns the variables of an application that uses these databases at these addresses.
    pub fn variables_at(
        &self,
        mysql: SocketAddr,
        redis: SocketAddr,
        database: &str,
        cache: u16,
    ) -> Vec<(&'static str, String)> {
        vec![
            ("mysql_address", format!("mysql://{mysql}")),
            ("mysql_user", USER.to_owned()),
            ("mysql_password", self.mariadb.password.clone()),
            ("mysql_database", database.to_owned()),
            ("redis_address", format!("redis://{redis}")),
            ("redis_password", self.redis.password.clone()),
            ("redis_database", cache.to_string()),
        ]
    }

    /// Executes a statement about the server itself, which affects all its databases.
    pub async fn execute(&self, sql: &str) {
        let options = Opts::from_url(&self.database_url("mysql")).expect("an address");
        let mut connection = mysql_async::Conn::new(options).await.expect("MariaDB");
        connection.query_drop(sql).await.expect("done");
        connection.disconnect().await.expect("an orderly end");
    }

    /// Sends a command about the server itself to Redis, which affects all its databases.
    pub fn redis_command(&self, command: &str) {
        assert_eq!(self.redis_number(&format!("{command}\r\nEXISTS {HANDED_OUT}\r\n")), 1, "{command}");
    }

    /// Returns the first column of the rows that a query finds, as text.
    pub async fn query(&self, database: &str, sql: &str) -> Vec<String> {
        let options = Opts::from_url(&self.database_url(database)).expect("an address");
        let mut connection = mysql_async::Conn::new(options).await.expect("MariaDB");
        let rows = connection.query(sql).await.expect("rows");
        connection.disconnect().await.expect("an orderly end");
        rows
    }
}
