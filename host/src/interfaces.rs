//! The `spin:*` interfaces, implemented with the drivers that Spin uses.

mod mysql;
mod redis;
mod rows;
pub(crate) mod sqlite;
mod variables;
