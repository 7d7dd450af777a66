//! The settings of the database.

use crate::address::{encode, host_and_port};
use connectivity_runtime::settings::Reader;

/// Which database holds the records. It holds a secret, and so has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseSettings {
    /// MySQL or MariaDB, because `mysql_address` is set.
    MySql {
        /// `mysql://user:password@host:port/database`, made of the variables `mysql_*`.
        address: String,
    },
    /// The host's own SQLite database `default`, because `mysql_address` is empty.
    Embedded,
}

impl DatabaseSettings {
    /// The variables that [`DatabaseSettings::read`] reads.
    pub const NAMES: [&str; 4] = ["mysql_address", "mysql_user", "mysql_password", "mysql_database"];

    /// Reads `mysql_address`, `mysql_user`, `mysql_password` and `mysql_database`.
    pub fn read(reader: &mut Reader) -> Self {
        let address = reader.text("mysql_address");
        if address.is_empty() {
            return Self::Embedded;
        }
        let (user, database) = (reader.text("mysql_user"), reader.text("mysql_database"));
        for (name, value) in [("mysql_user", &user), ("mysql_database", &database)] {
            if value.is_empty() {
                reader.problem(name, "must be set when mysql_address is");
            }
        }
        let server = host_and_port(reader, "mysql_address", "mysql", &address);
        let password = reader.secret("mysql_password");
        Self::MySql {
            address: format!("mysql://{}:{}@{server}/{}", encode(&user), encode(&password), encode(&database)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_percent_encoded() {
        let mut reader = Reader::from_values(&[
            ("mysql_address", "mysql://db:3306"),
            ("mysql_user", "me"),
            ("mysql_password", "p@ss:/?é"),
            ("mysql_database", "records"),
        ]);
        let settings = DatabaseSettings::read(&mut reader);
        let address = "mysql://me:p%40ss%3A%2F%3F%C3%A9@db:3306/records";
        assert!(settings == DatabaseSettings::MySql { address: address.into() });
        assert_eq!(reader.finish(()), Ok(()));
    }

    #[test]
    fn default_is_the_embedded_database() {
        assert!(DatabaseSettings::read(&mut Reader::default()) == DatabaseSettings::Embedded);
    }

    #[test]
    fn problems_are_reported_together_and_without_values() {
        let mut reader = Reader::from_values(&[("mysql_address", "mysql://user:hunter2@db/records")]);
        DatabaseSettings::read(&mut reader);
        let problems = reader.finish(()).expect_err("problems").to_string();
        for name in DatabaseSettings::NAMES.into_iter().filter(|name| *name != "mysql_password") {
            assert!(problems.contains(name), "{name} in {problems}");
        }
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}
