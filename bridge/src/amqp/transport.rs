//! The connection of the AMQP library to the broker.

mod content;
mod filter;
mod line;
mod stream;

pub(super) use content::{BODY_LENGTH, UNREADABLE};
pub(super) use line::Held;
pub(crate) use line::Line;

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio, TokioRuntime};
use futures_io::{AsyncRead, AsyncWrite};
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, RustlsConnector};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use rustls::ClientConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Filtered;

/// The name of a connection, for the operator of the broker.
const NAME: &str = "connectivity-bridge";

/// The longest frame, in bytes: RabbitMQ's default.
const FRAME_MAX: u32 = 128 * 1024;

/// Opens a connection, with TLS if the URL asks for it. On a connection that only consumes,
/// `is_limited` bounds the bytes in progress. On one that publishes it must be false, because
/// confirmations have to be read at all times.
pub(super) async fn connect(
    mut uri: AMQPUri,
    tls: &Arc<ClientConfig>,
    is_limited: bool,
) -> lapin::Result<(Connection, Arc<Line>)> {
    uri.query.frame_max.get_or_insert(FRAME_MAX);
    let line = Line::new(is_limited);
    let (tokio, shared) = (TokioRuntime::tokio_current(), Arc::clone(&line));
    let runtime = Runtime::new(RuntimeParts::new(Tokio::current(), Sockets(Tokio::current())));
    let tls = RustlsConnector::from(Arc::clone(tls));
    let open = async move |mut uri: AMQPUri, _| {
        let scheme = std::mem::replace(&mut uri.scheme, AMQPScheme::AMQP);
        let plain = uri.connect_async(&tokio).await?;
        let stream = match scheme {
            AMQPScheme::AMQP => plain,
            AMQPScheme::AMQPS => plain.into_rustls(&tls, &uri.authority.host).await?,
        };
        Ok(AsyncTcpStream::Plain(Filtered::new(stream, Arc::clone(&shared))))
    };
    let properties = ConnectionProperties::default().with_connection_name(NAME.into());
    let abandoned = Abandoned(Some(Arc::clone(&line)));
    let connection = Connection::connector(uri, runtime, open, properties).await?;
    abandoned.keep();
    Ok((connection, line))
}

/// Ends a connection attempt that is not awaited any longer. The library would keep its thread for
/// as long as the peer is silent.
struct Abandoned(Option<Arc<Line>>);

impl Abandoned {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(line) = &self.0 {
            line.abort();
        }
    }
}

/// Tokio's timers and sockets, with a [`Filtered`] stream in place of the plain one.
#[derive(Clone, Debug)]
struct Sockets(Tokio);

impl Reactor for Sockets {
    type TcpStream = Filtered<AsyncTcpStream<<Tokio as Reactor>::TcpStream>>;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// Is not used: the only sockets are those of [`connect`].
    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Self::TcpStream, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl futures_util::Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    /// Connects without TLS, which the connections of the bridge do in [`connect`].
    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move { Ok(Filtered::new(AsyncTcpStream::Plain(connecting.await?), Line::new(false))) }
    }
}
