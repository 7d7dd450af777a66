//! Temporary folders.

use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A folder in the system's temporary folder. It is removed on drop.
pub struct Temporary(PathBuf);

/// Creates an empty folder.
pub fn temporary() -> Temporary {
    let path = std::env::temp_dir().join(format!("connectivity-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&path).expect("a folder");
    Temporary(path)
}

impl Deref for Temporary {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What is left is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
