//! `spin:variables`: a component reads the variables that the manifest gives it.

use crate::bindings::spin::variables::variables::{Error, Host, HostWithStore};
use crate::state::{HostData, State};
use std::sync::Arc;
use wasmtime::component::Accessor;

impl Host for &mut State {}

impl<T> HostWithStore<T> for HostData {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        let grant = accessor.with(|mut access| Arc::clone(&access.get().grant));
        Ok(grant.variables.get(&name).cloned().ok_or(Error::Undefined(name)))
    }
}
