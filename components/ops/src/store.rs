//! A look at the records in SQL.

use connectivity_kit::database::{Database, Sql};

/// Reads next to nothing, and fails where the schema is missing.
const LOOK: Sql = Sql::same("SELECT id FROM affiliation_checks LIMIT 1");

/// Can records be read?
pub(crate) async fn answers(database: &Database) -> bool {
    database.run(LOOK, Vec::new()).await.is_ok()
}
