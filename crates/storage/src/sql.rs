//! Statements, values, rows and errors: what the two databases have in common.

use connectivity_domain::time::Timestamp;
use connectivity_migrations::NEEDED;
use std::sync::OnceLock;

/// A statement for both databases, with `?` for its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    /// The text for MySQL 8 and MariaDB 10.11.
    pub mysql: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
}

impl Sql {
    /// Creates a statement whose text is the same for both databases.
    pub const fn same(text: &'static str) -> Self {
        Self { mysql: text, sqlite: text }
    }
}

/// An INSERT of 1 to `MAX` rows in one statement, whose text is the same for both databases. It is kept
/// in a static, because it holds the texts.
///
/// ```
/// use connectivity_storage::database::Insert;
///
/// static INSERT: Insert<3> = Insert::new("INSERT INTO t (a, b) VALUES ", "(?, ?)");
/// assert_eq!(INSERT.of_rows(1).mysql, "INSERT INTO t (a, b) VALUES (?, ?)");
/// assert_eq!(INSERT.of_rows(3).sqlite, "INSERT INTO t (a, b) VALUES (?, ?), (?, ?), (?, ?)");
/// ```
#[derive(Debug)]
pub struct Insert<const MAX: usize> {
    head: &'static str,
    row: &'static str,
    /// The text for each number of rows that has been used.
    texts: [OnceLock<String>; MAX],
}

impl<const MAX: usize> Insert<MAX> {
    /// Creates an INSERT. `head` is its text up to the first row, and `row` are the parameters of a row
    /// in parentheses.
    pub const fn new(head: &'static str, row: &'static str) -> Self {
        Self { head, row, texts: [const { OnceLock::new() }; MAX] }
    }

    /// Returns the statement for this number of rows.
    ///
    /// # Panics
    ///
    /// The number is 0 or greater than `MAX`.
    pub fn of_rows(&'static self, rows: usize) -> Sql {
        let text = || format!("{}{}{}", self.head, self.row, format!(", {}", self.row).repeat(rows - 1));
        Sql::same(self.texts[rows - 1].get_or_init(text))
    }
}

/// A parameter of a statement, or a column of a row.
///
/// ```
/// use connectivity_storage::database::Value;
///
/// assert_eq!(Value::text("a").into_text().as_deref(), Some("a"));
/// assert_eq!(Value::optional(None), Value::Null);
/// assert_eq!(Value::number(u64::MAX), Value::Integer(i64::MAX));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A value of any integer type.
    Integer(i64),
    /// A value of any text type.
    Text(String),
}

impl Value {
    /// Creates a text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Creates a time in the form that records hold it in.
    pub fn time(time: Timestamp) -> Self {
        Self::Text(time.to_sql())
    }

    /// Creates an integer, capped at the largest that SQL can hold.
    pub fn number(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Creates a truth value: 1 or 0.
    pub fn truth(truth: bool) -> Self {
        Self::Integer(i64::from(truth))
    }

    /// Creates a text, or NULL for `None`.
    pub fn optional(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
    }

    /// Returns the text if the value is one.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Integer(_) => None,
        }
    }

    /// Returns the time if the value is one, in the form that [`Value::time`] writes.
    pub fn into_time(self) -> Option<Timestamp> {
        Timestamp::parse_sql(&self.into_text()?)
    }
}

/// A row of a result, in the order of the statement's columns.
pub type Row = Vec<Value>;

/// Why a statement has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// There is no connection, it broke, or the statement took too long. It may have been executed.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// A row with this key exists already.
    #[error("the key exists already")]
    Duplicate,
    /// The schema is older than the one that this program needs.
    #[error(
        "the database schema is at version {found}, and this program needs version {NEEDED}: \
         run `connectivity-bridge migrate` (in a checkout, `cargo xtask migrate`)"
    )]
    OutdatedSchema {
        /// The version that the database records, 0 if it records none.
        found: u32,
    },
    /// The database refused the statement, which is a bug in this program or its schema.
    #[error("the database refused the statement: {0}")]
    Refused(String),
}
