//! Redis.

use super::{Server, folder, spawn};
use crate::run::{Failure, failed, program};
use crate::token::write_private;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(super) fn start(server: &Server) -> Result<u32, Failure> {
    let data = folder().join("redis");
    std::fs::create_dir_all(&data).map_err(failed(data.display().to_string()))?;
    // In a file, for arguments can be read by everybody.
    let settings = folder().join("redis.conf");
    // So many databases that each test has one of its own.
    let text = format!(
        "bind 127.0.0.1\nport {}\ndir {}\nrequirepass {}\nappendonly yes\nsave \"\"\ndatabases 4096\n",
        server.port,
        data.display(),
        server.password
    );
    write_private(&settings, &text)?;
    spawn("redis", program("redis-server", &[]).arg(settings))
}

/// Does it answer?
pub(super) fn answers(server: &Server) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "AUTH {}\r\nPING\r\nQUIT\r\n", server.password)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.contains("+PONG"))
    };
    ask().unwrap_or(false)
}
