//! `spin:mysql`: each connection that a guest opens is one connection to the server.

use super::rows::Rows;
use crate::bindings::spin::mysql::mysql::{
    Column, DbDataType, DbValue, Error, Host, HostConnection, HostConnectionWithStore, ParameterValue,
};
use crate::handles::MysqlConnection;
use crate::state::{HostData, State};
use connectivity_tls::Authorities;
use connectivity_tls::mysql::options;
use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Params, Value};
use std::sync::Arc;
use tokio::sync::Mutex;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

type Handle = Resource<MysqlConnection>;
type Outcome<T> = wasmtime::Result<Result<T, Error>>;
type Rowset = (Vec<Column>, StreamReader<Vec<DbValue>>, FutureReader<Result<(), Error>>);

impl Host for &mut State {}

impl HostConnection for &mut State {
    async fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

async fn connect(address: &str, authorities: &Authorities) -> Result<MysqlConnection, Error> {
    let options = options(address, || Ok(authorities.clone()));
    let options = options.map_err(|error| Error::ConnectionFailed(error.to_string()))?;
    let options = OptsBuilder::from_opts(options).tcp_nodelay(true).prefer_socket(false);
    let connection = Conn::new(options).await.map_err(|error| Error::ConnectionFailed(format!("{error:?}")))?;
    Ok(MysqlConnection(Arc::new(Mutex::new(connection))))
}

fn connection_of<T>(accessor: &Accessor<T, HostData>, handle: &Handle) -> wasmtime::Result<Arc<Mutex<Conn>>> {
    Ok(accessor.with(|mut access| access.get().table.get(handle).map(|connection| Arc::clone(&connection.0)))?)
}

fn failed(error: &mysql_async::Error) -> Error {
    Error::QueryFailed(format!("{error:?}"))
}

impl<T> HostConnectionWithStore<T> for HostData {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Outcome<Handle> {
        let grant = accessor.with(|mut access| Arc::clone(&access.get().grant));
        if !grant.http.allows(&address) {
            return Ok(Err(Error::ConnectionFailed("the address is not in allowed_outbound_hosts".into())));
        }
        Ok(match connect(&address, &grant.authorities).await {
            Ok(connection) => Ok(accessor.with(|mut access| access.get().table.push(connection))?),
            Err(error) => Err(error),
        })
    }

    async fn query(
        accessor: &Accessor<T, Self>,
        handle: Handle,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Outcome<Rowset> {
        let connection = connection_of(accessor, &handle)?;
        let mut connection = connection.lock().await;
        let Ok((columns, rows)) = select(&mut connection, statement, parameters).await else {
            // Spin 4.1 returns this message for every failed query. A component must not rely on a
            // better one.
            return Ok(Err(Error::Other("async error: channel closed".into())));
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, Rows::new(rows))?;
            let end = FutureReader::new(&mut access, async { wasmtime::error::Ok(Ok(())) })?;
            Ok(Ok((columns, rows, end)))
        })
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        handle: Handle,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Outcome<()> {
        let connection = connection_of(accessor, &handle)?;
        let mut connection = connection.lock().await;
        Ok(connection.exec_drop(statement, bound(parameters)).await.map_err(|error| failed(&error)))
    }
}

async fn select(
    connection: &mut Conn,
    statement: String,
    parameters: Vec<ParameterValue>,
) -> Result<(Vec<Column>, Vec<Vec<DbValue>>), mysql_async::Error> {
    let mut result = connection.exec_iter(statement, bound(parameters)).await?;
    let types: Vec<_> = result.columns_ref().iter().map(data_type).collect();
    let names = result.columns_ref().iter().map(|column| column.name_str().into_owned());
    let columns = names.zip(&types).map(|(name, data_type)| Column { name, data_type: *data_type }).collect();
    let rows: Vec<mysql_async::Row> = result.collect().await?;
    let rows = rows.into_iter().map(|row| row.unwrap().into_iter().zip(&types).map(value).collect()).collect();
    Ok((columns, rows))
}

fn bound(parameters: Vec<ParameterValue>) -> Params {
    if parameters.is_empty() {
        return Params::Empty;
    }
    let value = |parameter| match parameter {
        ParameterValue::Boolean(value) => Value::from(value),
        ParameterValue::Int8(value) => Value::from(value),
        ParameterValue::Int16(value) => Value::from(value),
        ParameterValue::Int32(value) => Value::from(value),
        ParameterValue::Int64(value) => Value::from(value),
        ParameterValue::Uint8(value) => Value::from(value),
        ParameterValue::Uint16(value) => Value::from(value),
        ParameterValue::Uint32(value) => Value::from(value),
        ParameterValue::Uint64(value) => Value::from(value),
        ParameterValue::Floating32(value) => Value::from(value),
        ParameterValue::Floating64(value) => Value::from(value),
        ParameterValue::Str(value) => Value::from(value),
        ParameterValue::Binary(value) => Value::from(value),
        ParameterValue::DbNull => Value::NULL,
    };
    Params::Positional(parameters.into_iter().map(value).collect())
}

fn data_type(column: &mysql_async::Column) -> DbDataType {
    let signed = !column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    // 63 is the pseudo character set of binary columns.
    let binary = column.character_set() == 63;
    match (column.column_type(), signed, binary) {
        (ColumnType::MYSQL_TYPE_TINY, true, _) => DbDataType::Int8,
        (ColumnType::MYSQL_TYPE_TINY, false, _) => DbDataType::Uint8,
        (ColumnType::MYSQL_TYPE_SHORT, true, _) => DbDataType::Int16,
        (ColumnType::MYSQL_TYPE_SHORT, false, _) => DbDataType::Uint16,
        (ColumnType::MYSQL_TYPE_INT24 | ColumnType::MYSQL_TYPE_LONG, true, _) => DbDataType::Int32,
        (ColumnType::MYSQL_TYPE_INT24 | ColumnType::MYSQL_TYPE_LONG, false, _) => DbDataType::Uint32,
        (ColumnType::MYSQL_TYPE_LONGLONG, true, _) => DbDataType::Int64,
        (ColumnType::MYSQL_TYPE_LONGLONG, false, _) => DbDataType::Uint64,
        (ColumnType::MYSQL_TYPE_FLOAT, ..) => DbDataType::Floating32,
        (ColumnType::MYSQL_TYPE_DOUBLE, ..) => DbDataType::Floating64,
        (
            ColumnType::MYSQL_TYPE_VARCHAR
            | ColumnType::MYSQL_TYPE_VAR_STRING
            | ColumnType::MYSQL_TYPE_STRING
            | ColumnType::MYSQL_TYPE_BLOB
            | ColumnType::MYSQL_TYPE_MEDIUM_BLOB
            | ColumnType::MYSQL_TYPE_LONG_BLOB,
            _,
            binary,
        ) => {
            if binary {
                DbDataType::Binary
            } else {
                DbDataType::Str
            }
        }
        _ => DbDataType::Other,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the column's type says that the value fits")]
fn value((value, data_type): (Value, &DbDataType)) -> DbValue {
    match (value, data_type) {
        (Value::NULL, _) => DbValue::DbNull,
        (Value::Int(value), DbDataType::Int8) => DbValue::Int8(value as i8),
        (Value::Int(value), DbDataType::Int16) => DbValue::Int16(value as i16),
        (Value::Int(value), DbDataType::Int32) => DbValue::Int32(value as i32),
        (Value::Int(value), DbDataType::Int64) => DbValue::Int64(value),
        (value @ (Value::Int(_) | Value::UInt(_)), DbDataType::Uint8) => DbValue::Uint8(unsigned(&value) as u8),
        (value @ (Value::Int(_) | Value::UInt(_)), DbDataType::Uint16) => DbValue::Uint16(unsigned(&value) as u16),
        (value @ (Value::Int(_) | Value::UInt(_)), DbDataType::Uint32) => DbValue::Uint32(unsigned(&value) as u32),
        (value @ (Value::Int(_) | Value::UInt(_)), DbDataType::Uint64) => DbValue::Uint64(unsigned(&value)),
        (Value::Float(value), _) => DbValue::Floating32(value),
        (Value::Double(value), _) => DbValue::Floating64(value),
        (Value::Bytes(value), DbDataType::Str) => DbValue::Str(String::from_utf8_lossy(&value).into_owned()),
        (Value::Bytes(value), DbDataType::Binary) => DbValue::Binary(value),
        _ => DbValue::Unsupported,
    }
}

fn unsigned(value: &Value) -> u64 {
    match value {
        Value::UInt(value) => *value,
        Value::Int(value) => value.unsigned_abs(),
        _ => 0,
    }
}
