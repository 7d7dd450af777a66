//! Measuring the application under load, and beside it a native server that does the same I/O.

pub mod floor;
pub mod guard;
pub mod load;
pub mod login;
pub mod process;
