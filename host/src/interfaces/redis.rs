//! `spin:redis`: each connection that a guest opens is one multiplexed connection to the server.

use crate::bindings::spin::redis::redis::{
    Error, Host, HostConnection, HostConnectionWithStore, Payload, RedisParameter, RedisResult,
};
use crate::handles::RedisConnection;
use crate::state::{HostData, State};
use connectivity_tls::Authorities;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, TlsCertificates, Value};
use std::sync::Arc;
use wasmtime::component::{Accessor, Resource};

type Handle = Resource<RedisConnection>;
type Outcome<T> = wasmtime::Result<Result<T, Error>>;

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

async fn connect(address: &str, authorities: &Authorities) -> Result<RedisConnection, Error> {
    // The guest sets its own deadlines. The driver's default timeout would abort long scripts.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let client = if address.starts_with("rediss://") {
        let authorities = TlsCertificates { client_tls: None, root_cert: Some(authorities.pem().into_bytes()) };
        Client::build_with_tls(address, authorities)
    } else {
        Client::open(address)
    };
    let connection =
        client.map_err(|_| Error::InvalidAddress)?.get_multiplexed_async_connection_with_config(&config).await;
    connection.map(RedisConnection).map_err(|error| other(&error))
}

/// Sends one command and parses the reply as `R`.
async fn send<T, R: FromRedisValue>(
    accessor: &Accessor<T, HostData>,
    handle: &Handle,
    command: redis::Cmd,
) -> Outcome<R> {
    let connection = accessor.with(|mut access| access.get().table.get(handle).map(|connection| connection.0.clone()));
    let reply = command.query_async(&mut connection?).await;
    Ok(reply.map_err(|error| other(&error)))
}

impl<T> HostConnectionWithStore<T> for HostData {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Outcome<Handle> {
        let grant = accessor.with(|mut access| Arc::clone(&access.get().grant));
        if !grant.http.allows(&address) {
            return Ok(Err(Error::InvalidAddress));
        }
        Ok(match connect(&address, &grant.authorities).await {
            Ok(connection) => Ok(accessor.with(|mut access| access.get().table.push(connection))?),
            Err(error) => Err(error),
        })
    }

    async fn publish(accessor: &Accessor<T, Self>, handle: Handle, channel: String, payload: Payload) -> Outcome<()> {
        send(accessor, &handle, redis::Cmd::publish(channel, payload)).await
    }

    async fn get(accessor: &Accessor<T, Self>, handle: Handle, key: String) -> Outcome<Option<Payload>> {
        send(accessor, &handle, redis::Cmd::get(key)).await
    }

    async fn set(accessor: &Accessor<T, Self>, handle: Handle, key: String, value: Payload) -> Outcome<()> {
        send(accessor, &handle, redis::Cmd::set(key, value)).await
    }

    async fn incr(accessor: &Accessor<T, Self>, handle: Handle, key: String) -> Outcome<i64> {
        send(accessor, &handle, redis::Cmd::incr(key, 1)).await
    }

    async fn del(accessor: &Accessor<T, Self>, handle: Handle, keys: Vec<String>) -> Outcome<u32> {
        send(accessor, &handle, redis::Cmd::del(keys)).await
    }

    async fn sadd(accessor: &Accessor<T, Self>, handle: Handle, key: String, values: Vec<String>) -> Outcome<u32> {
        send(accessor, &handle, redis::Cmd::sadd(key, values)).await
    }

    async fn smembers(accessor: &Accessor<T, Self>, handle: Handle, key: String) -> Outcome<Vec<String>> {
        send(accessor, &handle, redis::Cmd::smembers(key)).await
    }

    async fn srem(accessor: &Accessor<T, Self>, handle: Handle, key: String, values: Vec<String>) -> Outcome<u32> {
        send(accessor, &handle, redis::Cmd::srem(key, values)).await
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        handle: Handle,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Outcome<Vec<RedisResult>> {
        let mut command = redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => command.arg(number),
                RedisParameter::Binary(bytes) => command.arg(bytes),
            };
        }
        let reply: Result<Value, Error> = send(accessor, &handle, command).await?;
        Ok(reply.map(|value| {
            let mut flat = Vec::new();
            flatten(value, &mut flat);
            flat
        }))
    }
}

/// Appends a reply to a flat list: the WIT has no nested lists.
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
