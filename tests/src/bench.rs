//! Measures the application under load, and a native server with the same I/O for comparison.

pub mod affiliation;
pub mod documents;
pub mod floor;
pub mod guard;
pub mod load;
pub mod login;
pub mod process;
pub mod rows;
pub mod spread;
pub mod subjects;
