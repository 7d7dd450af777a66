//! `spin:key-value`: each store is a SQLite file of its own.

use super::sqlite::open_file;
use super::{HostData, Rows};
use crate::bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::engine::State;
use rusqlite::OptionalExtension;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

/// What a guest's handle stands for.
pub struct Store(Arc<Mutex<rusqlite::Connection>>);

type Handle = Resource<Store>;
type Answer<T> = wasmtime::Result<Result<T, Error>>;
type Keys = (StreamReader<String>, FutureReader<Result<(), Error>>);

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS pairs (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID";

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn other(error: impl ToString) -> Error {
    Error::Other(error.to_string())
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> rusqlite::Result<R> + Send + 'static) -> Result<R, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(other).and_then(|result| result.map_err(other))
}

/// Runs `work` on the store behind a handle.
async fn on<T, R: Send + 'static>(
    accessor: &Accessor<T, HostData>,
    handle: &Handle,
    work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<R> + Send + 'static,
) -> Answer<R> {
    let store = accessor.with(|mut access| access.get().table.get(handle).map(|store| Arc::clone(&store.0)))?;
    Ok(blocking(move || work(&store.lock().unwrap_or_else(PoisonError::into_inner))).await)
}

impl Host for &mut State {}

impl HostStore for &mut State {
    async fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl<T> HostStoreWithStore<T> for HostData {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Answer<Handle> {
        let grant = accessor.with(|mut access| Arc::clone(&access.get().grant));
        let Some(path) = grant.stores.get(&label).cloned() else { return Ok(Err(Error::AccessDenied)) };
        let opened = blocking(move || {
            let connection = open_file(&path)?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        });
        Ok(match opened.await {
            Ok(connection) => {
                let store = Store(Arc::new(Mutex::new(connection)));
                Ok(accessor.with(|mut access| access.get().table.push(store))?)
            }
            Err(error) => Err(error),
        })
    }

    async fn get(accessor: &Accessor<T, Self>, it: Handle, key: String) -> Answer<Option<Vec<u8>>> {
        let sql = "SELECT value FROM pairs WHERE key = ?";
        on(accessor, &it, move |store| store.query_row(sql, [key], |row| row.get(0)).optional()).await
    }

    async fn set(accessor: &Accessor<T, Self>, it: Handle, key: String, value: Vec<u8>) -> Answer<()> {
        let sql = "INSERT INTO pairs (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value";
        on(accessor, &it, move |store| store.execute(sql, (key, value)).map(drop)).await
    }

    async fn delete(accessor: &Accessor<T, Self>, it: Handle, key: String) -> Answer<()> {
        on(accessor, &it, move |store| store.execute("DELETE FROM pairs WHERE key = ?", [key]).map(drop)).await
    }

    async fn exists(accessor: &Accessor<T, Self>, it: Handle, key: String) -> Answer<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM pairs WHERE key = ?)";
        on(accessor, &it, move |store| store.query_row(sql, [key], |row| row.get(0))).await
    }

    async fn get_keys(accessor: &Accessor<T, Self>, it: Handle) -> wasmtime::Result<Keys> {
        let found = on(accessor, &it, |store| {
            let mut statement = store.prepare("SELECT key FROM pairs ORDER BY key")?;
            let keys = statement.query_map([], |row| row.get::<_, String>(0))?;
            keys.collect::<rusqlite::Result<Vec<_>>>()
        });
        let (keys, end) = match found.await? {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, Rows(Some(keys)))?;
            let end = FutureReader::new(&mut access, async { wasmtime::error::Ok(end) })?;
            Ok((keys, end))
        })
    }
}
