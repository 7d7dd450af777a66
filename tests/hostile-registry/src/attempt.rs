//! The attempts to get what a plugin must not have.

use crate::bindings::connectivity::registry::types::Setting;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use std::io::{Read, Write};

/// What an attempt got, or why it got nothing.
type Outcome = Result<String, String>;

/// Makes one attempt:
///
/// - `http://…`: a GET request;
/// - `mysql://…`, `redis://…`: a connection, and a look at what is stored there;
/// - `tcp HOST:PORT`: a connection by sockets, and what arrives after an HTTP request on it;
/// - `read PATH`, `list PATH`: a file, a folder;
/// - `environment`: the environment of the process;
/// - `settings`: the settings that the plugin was given;
/// - `trap`, `compute`, `wait`: the plugin aborts, computes for ever, waits for ever.
pub(crate) async fn attempt(attack: &str, settings: &[Setting]) -> Outcome {
    match attack.split_once(' ').unwrap_or((attack, "")) {
        ("tcp", address) => tcp(address).map_err(|error| error.to_string()),
        ("read", path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        ("list", path) => list(path).map_err(|error| error.to_string()),
        ("environment", _) => {
            some(&std::env::vars().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
        }
        ("settings", _) => some(&settings.iter().map(|setting| setting.name.clone()).collect::<Vec<_>>()),
        ("trap", _) => std::process::abort(),
        ("compute", _) => compute(),
        ("wait", _) => {
            spin_sdk::wasip3::clocks::monotonic_clock::wait_for(u64::MAX / 2).await;
            Err("the wait has ended".to_owned())
        }
        (url, _) if url.starts_with("http") => get(url).await,
        (url, _) if url.starts_with("mysql:") => mysql(url).await,
        (url, _) if url.starts_with("redis:") => redis(url).await,
        _ => Err("unknown attempt".to_owned()),
    }
}

/// Returns the entries, one per line; an error if there are none.
fn some(entries: &[String]) -> Outcome {
    if entries.is_empty() { Err("empty".to_owned()) } else { Ok(entries.join("\n")) }
}

async fn get(url: &str) -> Outcome {
    let request = http::Request::get(url).body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let response = spin_sdk::http::send(request).await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
    Ok(format!("{status} {}", String::from_utf8_lossy(&body)))
}

async fn mysql(address: &str) -> Outcome {
    let connection = spin_sdk::mysql::Connection::open(address).await.map_err(|error| error.to_string())?;
    let sql = "SELECT CAST(COUNT(*) AS CHAR) FROM service_accounts";
    let rows = connection.query(sql, vec![]).await.map_err(|error| error.to_string())?;
    let rows = rows.collect().await.map_err(|error| error.to_string())?;
    Ok(format!("{} rows", rows.len()))
}

async fn redis(address: &str) -> Outcome {
    let connection = spin_sdk::redis::Connection::open(address).await.map_err(|error| format!("{error:?}"))?;
    let keys = connection.execute("KEYS", vec![spin_sdk::redis::RedisParameter::Binary(b"*".to_vec())]).await;
    keys.map(|keys| format!("{} keys", keys.len())).map_err(|error| format!("{error:?}"))
}

fn tcp(address: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(address)?;
    write!(stream, "GET /health/live HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn list(path: &str) -> std::io::Result<String> {
    let names = std::fs::read_dir(path)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.collect::<Vec<_>>().join("\n"))
}

fn compute() -> Outcome {
    let mut number: u64 = 1;
    loop {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}
