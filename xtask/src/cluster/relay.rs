//! Makes a server of this machine, which listens on the loopback interface only, reachable for
//! pods.

use crate::failure::{Failure, failed};
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Forwards connections from an address to a port of this machine, until this program ends.
pub(super) fn start(from: SocketAddr, port: u16) -> Result<(), Failure> {
    let listener = TcpListener::bind(from).map_err(failed(format!("cannot listen on {from} for the pods")))?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // If the server is gone, the client sees that its connection ends.
            let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|server| forward(client, server));
        }
    });
    Ok(())
}

/// Copies in both directions.
fn forward(client: TcpStream, server: TcpStream) -> io::Result<()> {
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let directions = [(client.try_clone()?, server.try_clone()?), (server, client)];
    for (mut from, mut to) in directions {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            // The other side learns that nothing follows. It may have closed already.
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}
