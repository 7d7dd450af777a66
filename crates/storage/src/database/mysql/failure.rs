//! What an error of the host says about a statement and about its connection.

use crate::sql::DatabaseError;
use spin_sdk::mysql::{Error, MysqlError};

/// What an error says about its connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server answered: the connection can be used again.
    Statement(DatabaseError),
    /// Another statement was in the way, and the server rolled this one back. It can be repeated at
    /// once, on the same connection.
    Contended(DatabaseError),
    /// The connection works, but its server does not take the statement: it became read-only, is
    /// shutting down, or has left its cluster. Another server may have its name by now.
    Leaving(DatabaseError),
    /// The host does not say why a query failed. The connection may be broken.
    Hidden(DatabaseError),
    /// The connection is broken.
    Connection(DatabaseError),
}

impl Failure {
    pub(super) fn into_error(self) -> DatabaseError {
        match self {
            Self::Statement(error)
            | Self::Contended(error)
            | Self::Leaving(error)
            | Self::Hidden(error)
            | Self::Connection(error) => error,
        }
    }
}

/// Translates an error. Spin reports every failed statement as `query-failed` with the driver's
/// debug text, such as `Server(ServerError { code: 1062, … })` for an error that the server itself
/// answered. Of a failed query it says nothing at all.
pub(super) fn translate(error: &Error) -> Failure {
    match error {
        Error::MysqlError(MysqlError::QueryFailed(cause)) => match server_code(cause) {
            Some(code) => from_code(code, cause),
            None => Failure::Connection(DatabaseError::Unavailable(cause.clone())),
        },
        Error::MysqlError(MysqlError::ConnectionFailed(cause)) => {
            Failure::Connection(DatabaseError::Unavailable(cause.clone()))
        }
        Error::MysqlError(MysqlError::Other(cause)) => Failure::Hidden(DatabaseError::Unavailable(cause.clone())),
        Error::MysqlError(MysqlError::BadParameter(cause) | MysqlError::ValueConversionFailed(cause))
        | Error::Decode(cause) => Failure::Statement(DatabaseError::Refused(cause.clone())),
    }
}

/// The codes are the same in MySQL and MariaDB, except for those that only one of them has.
fn from_code(code: u32, cause: &str) -> Failure {
    let unavailable = || DatabaseError::Unavailable(cause.to_owned());
    match code {
        // ER_DUP_ENTRY
        1062 => Failure::Statement(DatabaseError::Duplicate),
        // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK
        1205 | 1213 => Failure::Contended(unavailable()),
        // ER_UNKNOWN_COM_ERROR (a Galera node outside of its cluster), ER_SERVER_SHUTDOWN,
        // ER_OPTION_PREVENTS_STATEMENT (read_only), ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION,
        // ER_READ_ONLY_MODE, ER_CONNECTION_KILLED
        1047 | 1053 | 1290 | 1792 | 1836 | 1927 => Failure::Leaving(unavailable()),
        // ER_DISK_FULL, ER_ERROR_ON_WRITE, ER_GET_ERRNO (such as 28, no space), ER_RECORD_FILE_FULL,
        // ER_QUERY_INTERRUPTED
        1021 | 1026 | 1030 | 1114 | 1317 => Failure::Statement(unavailable()),
        _ => Failure::Statement(DatabaseError::Refused(cause.to_owned())),
    }
}

/// Returns the code of an error that the server answered. The text of the message, which may hold
/// values of the statement, comes after the code.
fn server_code(cause: &str) -> Option<u32> {
    let (_, rest) = cause.strip_prefix("Server")?.split_once("code: ")?;
    rest[..rest.find(|it: char| !it.is_ascii_digit())?].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the error as Spin and the local host report it.
    fn server(code: u32) -> String {
        format!("Server(ServerError {{ code: {code}, message: \"at 'code: 1062'\", state: \"HY000\" }})")
    }

    fn check(error: MysqlError, expected: impl FnOnce(String) -> Failure) {
        let (MysqlError::QueryFailed(cause)
        | MysqlError::ConnectionFailed(cause)
        | MysqlError::Other(cause)
        | MysqlError::BadParameter(cause)
        | MysqlError::ValueConversionFailed(cause)) = error.clone();
        assert_eq!(translate(&Error::MysqlError(error)), expected(cause));
    }

    #[test]
    fn answer_of_the_server_is_known_by_its_code() {
        check(MysqlError::QueryFailed(server(1062)), |_| Failure::Statement(DatabaseError::Duplicate));
        for code in [1205, 1213] {
            check(MysqlError::QueryFailed(server(code)), |it| Failure::Contended(DatabaseError::Unavailable(it)));
        }
        for code in [1047, 1053, 1290, 1792, 1836, 1927] {
            check(MysqlError::QueryFailed(server(code)), |it| Failure::Leaving(DatabaseError::Unavailable(it)));
        }
        for code in [1021, 1030, 1114] {
            check(MysqlError::QueryFailed(server(code)), |it| Failure::Statement(DatabaseError::Unavailable(it)));
        }
        for code in [1064, 1146, 106, 10_620] {
            check(MysqlError::QueryFailed(server(code)), |it| Failure::Statement(DatabaseError::Refused(it)));
        }
    }

    #[test]
    fn everything_else_is_about_the_connection() {
        for cause in ["Io(Io(Os { code: 104, kind: ConnectionReset }))", "Driver(ConnectionClosed)", "Server", ""] {
            check(MysqlError::QueryFailed(cause.into()), |it| Failure::Connection(DatabaseError::Unavailable(it)));
        }
        check(MysqlError::ConnectionFailed("x".into()), |it| Failure::Connection(DatabaseError::Unavailable(it)));
        check(MysqlError::Other("x".into()), |it| Failure::Hidden(DatabaseError::Unavailable(it)));
        check(MysqlError::BadParameter("x".into()), |it| Failure::Statement(DatabaseError::Refused(it)));
    }
}
