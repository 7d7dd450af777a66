//! `spin:sqlite`: each database is a file. Statements run on blocking threads.

use super::rows::Rows;
use crate::bindings::spin::sqlite::sqlite::{
    Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
};
use crate::handles::SqliteConnection;
use crate::state::{Grant, HostData, State};
use rusqlite::types::{Value as SqlValue, ValueRef};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

/// How long a writer waits for another writer's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

type Handle = Resource<SqliteConnection>;
type Outcome<T> = wasmtime::Result<Result<T, Error>>;
type Rowset = (Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>);

/// Opens a database file in WAL mode, so that readers and a writer do not block each other.
pub(crate) fn open_file(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn io(error: impl ToString) -> Error {
    Error::Io(error.to_string())
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> Result<R, Error> + Send + 'static) -> Result<R, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(io(panic)))
}

async fn open(grant: &Grant, name: &str) -> Result<SqliteConnection, Error> {
    let path = grant.databases.get(name).cloned().ok_or(Error::AccessDenied)?;
    let connection = blocking(move || open_file(&path).map_err(io)).await?;
    Ok(SqliteConnection(Arc::new(Mutex::new(connection))))
}

async fn run(
    connection: Arc<Mutex<rusqlite::Connection>>,
    sql: String,
    parameters: Vec<Value>,
) -> Result<QueryResult, Error> {
    blocking(move || {
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(&sql).map_err(io)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let width = columns.len();
        let parameters = parameters.into_iter().map(|value| match value {
            Value::Integer(value) => SqlValue::Integer(value),
            Value::Real(value) => SqlValue::Real(value),
            Value::Text(value) => SqlValue::Text(value),
            Value::Blob(value) => SqlValue::Blob(value),
            Value::Null => SqlValue::Null,
        });
        let mut found = statement.query(rusqlite::params_from_iter(parameters)).map_err(io)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(io)? {
            let values = (0..width).map(|index| row.get_ref(index).map(value).map_err(io));
            rows.push(RowResult { values: values.collect::<Result<_, _>>()? });
        }
        Ok(QueryResult { columns, rows })
    })
    .await
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Value::Blob(value.to_vec()),
    }
}

impl State {
    fn sqlite_connection(&self, handle: &Handle) -> wasmtime::Result<Arc<Mutex<rusqlite::Connection>>> {
        Ok(Arc::clone(&self.table.get(handle)?.0))
    }
}

impl Host for &mut State {}

impl HostConnection for &mut State {
    async fn open(&mut self, name: String) -> Outcome<Handle> {
        let grant = Arc::clone(&self.grant);
        Ok(match open(&grant, &name).await {
            Ok(connection) => Ok(self.table.push(connection)?),
            Err(error) => Err(error),
        })
    }

    async fn execute(&mut self, handle: Handle, statement: String, parameters: Vec<Value>) -> Outcome<QueryResult> {
        let connection = self.sqlite_connection(&handle)?;
        Ok(run(connection, statement, parameters).await)
    }

    async fn last_insert_rowid(&mut self, handle: Handle) -> wasmtime::Result<i64> {
        let connection = self.sqlite_connection(&handle)?;
        Ok(connection.lock().unwrap_or_else(PoisonError::into_inner).last_insert_rowid())
    }

    async fn changes(&mut self, handle: Handle) -> wasmtime::Result<u64> {
        let connection = self.sqlite_connection(&handle)?;
        Ok(connection.lock().unwrap_or_else(PoisonError::into_inner).changes())
    }

    async fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl<T> HostConnectionWithStore<T> for HostData {
    async fn open_async(accessor: &Accessor<T, Self>, name: String) -> Outcome<Handle> {
        let grant = accessor.with(|mut access| Arc::clone(&access.get().grant));
        Ok(match open(&grant, &name).await {
            Ok(connection) => Ok(accessor.with(|mut access| access.get().table.push(connection))?),
            Err(error) => Err(error),
        })
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        handle: Handle,
        statement: String,
        parameters: Vec<Value>,
    ) -> Outcome<Rowset> {
        let connection = accessor.with(|mut access| access.get().sqlite_connection(&handle))?;
        let result = match run(connection, statement, parameters).await {
            Ok(result) => result,
            Err(error) => return Ok(Err(error)),
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, Rows::new(result.rows))?;
            let end = FutureReader::new(&mut access, async { wasmtime::error::Ok(Ok(())) })?;
            Ok(Ok((result.columns, rows, end)))
        })
    }

    async fn last_insert_rowid_async(accessor: &Accessor<T, Self>, handle: Handle) -> wasmtime::Result<i64> {
        let connection = accessor.with(|mut access| access.get().sqlite_connection(&handle))?;
        Ok(connection.lock().unwrap_or_else(PoisonError::into_inner).last_insert_rowid())
    }

    async fn changes_async(accessor: &Accessor<T, Self>, handle: Handle) -> wasmtime::Result<u64> {
        let connection = accessor.with(|mut access| access.get().sqlite_connection(&handle))?;
        Ok(connection.lock().unwrap_or_else(PoisonError::into_inner).changes())
    }
}
