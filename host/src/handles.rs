//! What the guest's handles stand for: one type per resource of the `spin:*` interfaces.

use std::sync::Arc;

/// `spin:mysql/mysql.connection`
pub struct MysqlConnection(pub(crate) Arc<tokio::sync::Mutex<mysql_async::Conn>>);

/// `spin:redis/redis.connection`
pub struct RedisConnection(pub(crate) redis::aio::MultiplexedConnection);

/// `spin:sqlite/sqlite.connection`
pub struct SqliteConnection(pub(crate) Arc<std::sync::Mutex<rusqlite::Connection>>);
