//! `spin:redis`: one multiplexed connection for each that the guest opens.

use super::HostData;
use crate::bindings::spin::redis::redis::{
    Error, Host, HostConnection, HostConnectionWithStore, Payload, RedisParameter, RedisResult,
};
use crate::engine::State;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, Value};
use std::sync::Arc;
use wasmtime::component::{Accessor, Resource};

/// What a guest's handle stands for.
pub struct Connection(MultiplexedConnection);

type Handle = Resource<Connection>;
type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for &mut State {}

impl HostConnection for &mut State {
    async fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn other(error: &redis::RedisError) -> Error {
    Error::Other(error.to_string())
}

async fn connect(address: &str) -> Result<Connection, Error> {
    // The guest has deadlines of its own; the driver's would cut scripts short.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let client = redis::Client::open(address).map_err(|_| Error::InvalidAddress)?;
    let connection = client.get_multiplexed_async_connection_with_config(&config).await;
    connection.map(Connection).map_err(|error| other(&error))
}

/// Sends one command and reads its answer as `R`.
async fn ask<T, R: FromRedisValue>(
    accessor: &Accessor<T, HostData>,
    handle: &Handle,
    command: redis::Cmd,
) -> Answer<R> {
    let connection = accessor.with(|mut access| access.get().table.get(handle).map(|held| held.0.clone()));
    let answer = command.query_async(&mut connection?).await;
    Ok(answer.map_err(|error| other(&error)))
}

impl<T> HostConnectionWithStore<T> for HostData {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Answer<Handle> {
        let grant = accessor.with(|mut access| Arc::clone(&access.get().grant));
        if !grant.http.allows(&address) {
            return Ok(Err(Error::InvalidAddress));
        }
        Ok(match connect(&address).await {
            Ok(connection) => Ok(accessor.with(|mut access| access.get().table.push(connection))?),
            Err(error) => Err(error),
        })
    }

    async fn publish(accessor: &Accessor<T, Self>, it: Handle, channel: String, payload: Payload) -> Answer<()> {
        ask(accessor, &it, redis::Cmd::publish(channel, payload)).await
    }

    async fn get(accessor: &Accessor<T, Self>, it: Handle, key: String) -> Answer<Option<Payload>> {
        ask(accessor, &it, redis::Cmd::get(key)).await
    }

    async fn set(accessor: &Accessor<T, Self>, it: Handle, key: String, value: Payload) -> Answer<()> {
        ask(accessor, &it, redis::Cmd::set(key, value)).await
    }

    async fn incr(accessor: &Accessor<T, Self>, it: Handle, key: String) -> Answer<i64> {
        ask(accessor, &it, redis::Cmd::incr(key, 1)).await
    }

    async fn del(accessor: &Accessor<T, Self>, it: Handle, keys: Vec<String>) -> Answer<u32> {
        ask(accessor, &it, redis::Cmd::del(keys)).await
    }

    async fn sadd(accessor: &Accessor<T, Self>, it: Handle, key: String, values: Vec<String>) -> Answer<u32> {
        ask(accessor, &it, redis::Cmd::sadd(key, values)).await
    }

    async fn smembers(accessor: &Accessor<T, Self>, it: Handle, key: String) -> Answer<Vec<String>> {
        ask(accessor, &it, redis::Cmd::smembers(key)).await
    }

    async fn srem(accessor: &Accessor<T, Self>, it: Handle, key: String, values: Vec<String>) -> Answer<u32> {
        ask(accessor, &it, redis::Cmd::srem(key, values)).await
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        it: Handle,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Answer<Vec<RedisResult>> {
        let mut asked = redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => asked.arg(number),
                RedisParameter::Binary(bytes) => asked.arg(bytes),
            };
        }
        let answer: Result<Value, Error> = ask(accessor, &it, asked).await?;
        Ok(answer.map(|value| {
            let mut flat = Vec::new();
            flatten(value, &mut flat);
            flat
        }))
    }
}

/// The WIT knows flat lists only.
fn flatten(value: Value, flat: &mut Vec<RedisResult>) {
    match value {
        Value::Nil => flat.push(RedisResult::Nil),
        Value::Int(number) => flat.push(RedisResult::Int64(number)),
        Value::Boolean(truth) => flat.push(RedisResult::Int64(i64::from(truth))),
        Value::BulkString(bytes) => flat.push(RedisResult::Binary(bytes)),
        Value::SimpleString(text) => flat.push(RedisResult::Status(text)),
        Value::Okay => flat.push(RedisResult::Status("OK".into())),
        Value::Array(values) | Value::Set(values) => values.into_iter().for_each(|value| flatten(value, flat)),
        other => flat.push(RedisResult::Status(format!("{other:?}"))),
    }
}
