//! The rows of a result as the stream that the WIT asks for.

use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult};

/// A stream of rows that are in memory already.
pub(super) struct Rows<T>(Option<Vec<T>>);

impl<T> Rows<T> {
    pub(super) fn new(rows: Vec<T>) -> Self {
        Self(Some(rows))
    }
}

impl<D, T: Send + Sync + Unpin + 'static> StreamProducer<D> for Rows<T>
where
    T: wasmtime::component::Lower,
{
    type Item = T;
    type Buffer = wasmtime::component::VecBuffer<T>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: StoreContextMut<'a, D>,
        mut destination: Destination<'a, T, Self::Buffer>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if let Some(rows) = self.get_mut().0.take().filter(|rows| !rows.is_empty()) {
            destination.set_buffer(rows.into());
        }
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}
