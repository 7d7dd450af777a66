//! Measures the application under load, and a native server with the same I/O for comparison.

pub mod floor;
pub mod guard;
pub mod load;
pub mod login;
pub mod process;
