//! Redis.

use super::server::{Server, folder, spawn};
use crate::failure::{Failure, failed};
use crate::run::program;
use crate::token::write_private;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(super) fn start(server: &Server) -> Result<u32, Failure> {
    let data = folder().join("redis");
    std::fs::create_dir_all(&data).map_err(failed(data.display().to_string()))?;
    // The settings are in a file because every user of the machine can read a process's arguments.
    let settings = folder().join("redis.conf");
    // Each test uses a database of its own.
    let text = format!(
        "bind 127.0.0.1\nport {}\ndir {:?}\nrequirepass {}\nappendonly yes\nsave \"\"\ndatabases 4096\n",
        server.port,
        // In quotation marks, because a checkout may be in a folder with blanks.
        data.display().to_string(),
        server.password
    );
    write_private(&settings, &text)?;
    spawn("redis", program("redis-server", &[]).arg(settings))
}

/// Returns whether the server accepts the password and answers a ping.
pub(super) fn answers(server: &Server) -> bool {
    call(server, "PING").is_ok_and(|response| response.contains("+PONG"))
}

/// Deletes everything in a database.
pub(crate) fn empty(server: &Server, database: u16) -> Result<(), Failure> {
    let response = call(server, &format!("SELECT {database}\r\nFLUSHDB")).map_err(failed("Redis"))?;
    if response.contains("-ERR") { Err(Failure(format!("Redis: {response}"))) } else { Ok(()) }
}

/// Sends commands after the password, and returns all responses.
fn call(server: &Server, commands: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "AUTH {}\r\n{commands}\r\nQUIT\r\n", server.password)?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}
