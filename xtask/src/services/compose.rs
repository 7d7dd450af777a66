//! The same servers in containers, for machines on which they cannot be installed.

use super::list::Services;
use super::server::folder;
use crate::failure::Failure;
use crate::token::write_private;
use std::fmt::Write;

/// The command that starts the containers, from the root of the checkout.
pub(super) const COMMAND: &str =
    "docker compose --env-file target/services/compose.env -f tests/compose.yml up --detach --wait";

/// Writes the ports and passwords to the file that the command reads.
pub(super) fn write(services: &Services) -> Result<(), Failure> {
    let mut text = String::new();
    for known in services.all() {
        let name = known.name.to_uppercase();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}_PORT={}\n{name}_PASSWORD={}", known.server.port, known.server.password);
    }
    write_private(&folder().join("compose.env"), &text)
}
