//! The servers that `cargo xtask services start` has started.

use connectivity_migrations::mysql;
use mysql_async::Opts;
use mysql_async::prelude::Queryable;
use serde::Deserialize;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `target/services/services.json`
#[derive(Clone, Debug, Deserialize)]
pub struct Servers {
    /// MariaDB.
    pub mariadb: Server,
    /// Redis.
    pub redis: Server,
    /// RabbitMQ.
    pub rabbitmq: Server,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// Its process.
    pub pid: u32,
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

/// The name of the account on MariaDB and on RabbitMQ.
pub const USER: &str = "connectivity";

/// How many databases the Redis of `services start` has. The first one counts which were handed out.
const CACHES: i64 = 4096;

/// The key of that count.
const HANDED_OUT: &str = "connectivity-tests:handed-out";

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

    /// Creates a database without tables and returns its name.
    ///
    /// # Panics
    /// MariaDB does not do it.
    pub async fn empty_database(&self) -> String {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        mysql::create_database(&self.database_url("mysql"), &name).await.expect("a new database");
        name
    }

    /// Creates a database with the current schema and returns its name.
    ///
    /// # Panics
    /// MariaDB does not do it.
    pub async fn fresh_database(&self) -> String {
        let name = self.empty_database().await;
        mysql::migrate(&self.database_url(&name)).await.expect("the schema");
        name
    }

    /// The address of a database on MariaDB, with the credentials of the tests.
    pub fn database_url(&self, name: &str) -> String {
        format!("mysql://{USER}:{}@{}/{name}", self.mariadb.password, self.mariadb.address())
    }

    /// The number of a database on Redis that is empty, and this caller's alone.
    ///
    /// # Panics
    /// Redis does not do it.
    pub fn fresh_cache(&self) -> u16 {
        let handed_out = self.redis_number(&format!("INCR {HANDED_OUT}\r\n"));
        let number = u16::try_from(handed_out % (CACHES - 1) + 1).expect("a small number");
        self.empty_cache(number);
        number
    }

    /// Empties a database on Redis, as an operator may at any time.
    ///
    /// # Panics
    /// Redis does not do it.
    pub fn empty_cache(&self, number: u16) {
        assert_eq!(self.redis_number(&format!("SELECT {number}\r\nFLUSHDB\r\nDBSIZE\r\n")), 0);
    }

    /// Lets Redis forget all scripts, as a restart does. Those of other tests too, which must not care.
    ///
    /// # Panics
    /// Redis does not do it.
    pub fn forget_scripts(&self) {
        let known = "SCRIPT EXISTS 0000000000000000000000000000000000000000\r\n";
        assert_eq!(self.redis_number(&format!("SCRIPT FLUSH\r\n{known}")), 0);
    }

    /// How many callers the guard has throttles for in a database on Redis.
    ///
    /// # Panics
    /// Redis does not say.
    pub fn callers(&self, number: u16) -> i64 {
        let script = "return #redis.call('KEYS', 'connectivity:throttle:*')";
        self.redis_number(&format!("SELECT {number}\r\nEVAL \"{script}\" 0\r\n"))
    }

    /// The last integer that Redis answers to these commands (inline commands of its protocol).
    fn redis_number(&self, commands: &str) -> i64 {
        let mut stream = std::net::TcpStream::connect(self.redis.address()).expect("Redis");
        write!(stream, "AUTH {}\r\n{commands}QUIT\r\n", self.redis.password).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let number = answer.lines().rev().find_map(|line| line.strip_prefix(':'));
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number in {answer:?}"))
    }

    /// The variables of an application that uses a database of that name, reached at `mysql`, and an empty cache.
    pub fn variables(&self, mysql: SocketAddr, database: &str) -> Vec<(&'static str, String)> {
        vec![
            ("mysql_address", format!("mysql://{mysql}")),
            ("mysql_user", USER.to_owned()),
            ("mysql_password", self.mariadb.password.clone()),
            ("mysql_database", database.to_owned()),
            ("redis_address", format!("redis://{}", self.redis.address())),
            ("redis_password", self.redis.password.clone()),
            ("redis_database", self.fresh_cache().to_string()),
        ]
    }

    /// The first column of the rows that a statement finds, as text.
    ///
    /// # Panics
    /// MariaDB does not do it.
    pub async fn ask(&self, database: &str, sql: &str) -> Vec<String> {
        let options = Opts::from_url(&self.database_url(database)).expect("an address");
        let mut connection = mysql_async::Conn::new(options).await.expect("MariaDB");
        let rows = connection.query(sql).await.expect("rows");
        connection.disconnect().await.expect("an orderly end");
        rows
    }
}
