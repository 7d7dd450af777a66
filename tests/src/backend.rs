//! MariaDB and Redis for one test, each behind a proxy that can take it away.

use crate::proxy::Proxy;
use crate::servers::Servers;

/// Where the application keeps its records and its shared state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// In the host's own SQLite databases.
    Embedded,
    /// In MariaDB and Redis.
    Servers,
}

/// A database on MariaDB and one on Redis that no other test uses.
pub struct Backend {
    pub servers: Servers,
    pub mariadb: Proxy,
    pub redis: Proxy,
    /// The name of the database on MariaDB.
    pub database: String,
    /// The number of the database on Redis.
    pub cache: u16,
}

impl Backend {
    /// Returns `None` for [`On::Embedded`].
    pub async fn start(on: On) -> Option<Self> {
        if on == On::Embedded {
            return None;
        }
        let servers = Servers::running();
        let mariadb = Proxy::start(servers.mariadb.address()).await.expect("a proxy");
        let redis = Proxy::start(servers.redis.address()).await.expect("a proxy");
        let (database, cache) = (servers.fresh_database().await, servers.fresh_cache());
        Some(Self { servers, mariadb, redis, database, cache })
    }

    /// Returns the variables of an application that uses this backend.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        self.servers.variables_at(self.mariadb.address(), self.redis.address(), &self.database, self.cache)
    }

    /// Returns the first column of the rows that a query finds, as text.
    pub async fn query(&self, sql: &str) -> Vec<String> {
        self.servers.query(&self.database, sql).await
    }

    /// Deletes everything in the database on Redis.
    pub fn empty_cache(&self) {
        self.servers.empty_cache(self.cache);
    }
}
