//! The settings of the database.

use crate::address::{encode, parse};
use connectivity_runtime::settings::Reader;

/// Which database holds the records. It holds a secret, and so has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseSettings {
    /// MySQL or MariaDB, because `mysql_address` is set.
    MySql {
        /// `mysql://user:password@host:port/database`, made of the variables `mysql_*`. With TLS it
        /// has the parameter `ssl-mode`, which the hosts read.
        address: String,
    },
    /// The host's own SQLite database `default`, because `mysql_address` is empty.
    Embedded,
}

impl DatabaseSettings {
    /// The variables that [`DatabaseSettings::read`] reads.
    pub const NAMES: [&str; 5] = ["mysql_address", "mysql_tls", "mysql_user", "mysql_password", "mysql_database"];

    /// Reads `mysql_address`, `mysql_tls`, `mysql_user`, `mysql_password` and `mysql_database`.
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
        let (_, server) = parse(reader, "mysql_address", &["mysql"], &address);
        let parameters = match reader.text("mysql_tls").as_str() {
            "required" => "?ssl-mode=REQUIRED",
            "off" | "" => "",
            _ => {
                reader.problem("mysql_tls", "must be off or required");
                ""
            }
        };
        let (user, password) = (encode(&user), reader.secret("mysql_password"));
        Self::MySql {
            address: format!("mysql://{user}:{}@{server}/{}{parameters}", encode(&password), encode(&database)),
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
    fn tls_is_a_parameter_of_the_address() {
        let address = |tls: &str| {
            let server = [("mysql_address", "mysql://db:3306"), ("mysql_user", "me"), ("mysql_database", "records")];
            let mut reader = Reader::from_values(&[&server[..], &[("mysql_tls", tls)]].concat());
            let DatabaseSettings::MySql { address } = DatabaseSettings::read(&mut reader) else { panic!("MySQL") };
            reader.finish(address)
        };
        assert_eq!(address("required"), Ok("mysql://me:@db:3306/records?ssl-mode=REQUIRED".into()));
        assert_eq!(address("off"), Ok("mysql://me:@db:3306/records".into()));
        let refused = address("REQUIRED ").expect_err("a problem").to_string();
        assert_eq!(refused, "mysql_tls must be off or required");
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
        let optional = ["mysql_password", "mysql_tls"];
        for name in DatabaseSettings::NAMES.into_iter().filter(|name| !optional.contains(name)) {
            assert!(problems.contains(name), "{name} in {problems}");
        }
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}
