//! The steps. A step that has been released never changes: the next one corrects it.

/// One step of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number. Steps are numbered from 1 without gaps.
    pub version: u32,
    /// Its name, as `schema_migrations` records it.
    pub name: &'static str,
    /// The statements for MySQL and MariaDB; none if the step does not concern them.
    pub mysql: &'static str,
    /// The statements for SQLite.
    pub sqlite: &'static str,
}

macro_rules! step {
    ($version:literal, $number:literal, $name:literal) => {
        Step {
            version: $version,
            name: $name,
            mysql: include_str!(concat!("../mysql/", $number, "_", $name, ".sql")),
            sqlite: include_str!(concat!("../sqlite/", $number, "_", $name, ".sql")),
        }
    };
}

/// All steps, in order. A new one is a file in `mysql/`, a file in `sqlite/` and a line here.
pub const STEPS: [Step; 12] = [
    step!(1, "0001", "affiliation_checks"),
    step!(2, "0002", "document_authentications"),
    step!(3, "0003", "access"),
    step!(4, "0004", "cache"),
    step!(5, "0005", "affiliation_checks_requested_by"),
    step!(6, "0006", "sessions_secret_at"),
    step!(7, "0007", "service_account_seeds"),
    step!(8, "0008", "document_authentications_ids"),
    step!(9, "0009", "write_probe"),
    step!(10, "0010", "audit_of_access"),
    step!(11, "0011", "service_accounts_rate_limit"),
    step!(12, "0012", "canonical_citizen_ids"),
];

/// The version of the schema that this program needs.
pub const NEEDED: u32 = STEPS[STEPS.len() - 1].version;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parse;

    fn files(folder: &str) -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = std::fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn steps_are_numbered_from_one_and_every_file_is_a_step() {
        assert!(STEPS.iter().map(|step| step.version).eq(1..=NEEDED));
        let names: Vec<_> = STEPS.iter().map(|step| format!("{:04}_{}.sql", step.version, step.name)).collect();
        assert_eq!(files("mysql"), names);
        assert_eq!(files("sqlite"), names);
    }

    /// MySQL commits a change of a table at once, so a run can be killed after the change and
    /// before its progress is recorded. The next run must be able to tell.
    #[test]
    fn every_change_of_a_table_on_mysql_can_be_repeated() {
        for statement in STEPS.iter().flat_map(|step| parse(step.mysql)) {
            let changes_rows = ["INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| statement.sql.starts_with(verb));
            let repeatable = statement.sql.starts_with("CREATE TABLE IF NOT EXISTS ") || statement.unless.is_some();
            assert!(changes_rows || repeatable, "add `-- unless: SELECT …` before {}", statement.sql);
        }
    }
}
