//! The byte stream between the broker and the AMQP library.

use super::filter::Filter;
use super::line::Line;
use futures_io::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How much is read from the broker at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// A connection whose incoming frames pass a [`Filter`].
pub(super) struct Filtered<S> {
    stream: S,
    filter: Filter,
    line: Arc<Line>,
    chunk: Box<[u8]>,
    /// What the library has not read yet, and how much of it has been read.
    output: Vec<u8>,
    read: usize,
}

impl<S> Filtered<S> {
    pub(super) fn new(stream: S, line: Arc<Line>) -> Self {
        let chunk = vec![0; CHUNK].into_boxed_slice();
        Self { stream, filter: Filter::default(), line, chunk, output: Vec::new(), read: 0 }
    }

    /// Gives the library what has passed the filter.
    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let waiting = self.output.get(self.read..).unwrap_or_default();
        let count = waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        self.read += count;
        if self.read == self.output.len() {
            self.output.clear();
            self.read = 0;
        }
        count
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Filtered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.line.register(context.waker());
        while this.output.is_empty() {
            if this.line.is_aborted() {
                // The end of the stream.
                return Poll::Ready(Ok(0));
            }
            if this.line.is_full() {
                let Some(heartbeat) = this.line.heartbeat() else { return Poll::Pending };
                this.output.extend(heartbeat);
                break;
            }
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut this.chunk))? {
                0 => return Poll::Ready(Ok(0)),
                count => {
                    let completed = this.filter.push(&this.chunk[..count], &mut this.output);
                    this.line.add(completed);
                }
            }
        }
        Poll::Ready(Ok(this.give(buffer)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Filtered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.line.is_aborted() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

#[cfg(test)]
mod tests;
