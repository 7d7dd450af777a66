//! Temporary folders.

use std::path::PathBuf;

/// Creates an empty folder in the system's temporary folder. The caller removes it.
pub fn temporary() -> PathBuf {
    let path = std::env::temp_dir().join(format!("connectivity-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&path).expect("a folder");
    path
}
