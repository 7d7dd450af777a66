//! The same servers in containers, where they cannot be installed.

use super::{Services, folder};
use crate::run::Failure;
use crate::token::write_private;
use std::fmt::Write;

/// What starts them, from the root of the workspace.
pub(super) const COMMAND: &str =
    "docker compose --env-file target/services/compose.env -f tests/compose.yml up --detach --wait";

/// Writes their ports and passwords to where the command looks for them.
pub(super) fn write(services: &Services) -> Result<(), Failure> {
    let mut text = String::new();
    for known in services.all() {
        let name = known.name.to_uppercase();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}_PORT={}\n{name}_PASSWORD={}", known.server.port, known.server.password);
    }
    write_private(&folder().join("compose.env"), &text)
}
