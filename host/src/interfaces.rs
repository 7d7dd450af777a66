//! The `spin:*` interfaces, over the drivers that Spin uses.

pub mod key_value;
pub mod mysql;
pub mod redis;
pub mod sqlite;
mod variables;

use crate::engine::State;
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, HasData, StreamProducer, StreamResult};

/// Tells wasmtime that host functions work on [`State`].
pub(crate) struct HostData;

impl HasData for HostData {
    type Data<'a> = &'a mut State;
}

/// Rows that are all there, as the stream that the WIT asks for.
pub(crate) struct Rows<T>(pub(crate) Option<Vec<T>>);

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
