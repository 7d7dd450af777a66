//! Runs a statement or a transaction on pooled connections, and repeats it where that is of use.

use super::failure::{Failure, translate};
use crate::pool::{Connect, Lease, Pool};
use crate::sql::{DatabaseError, Row};
use connectivity_runtime::instant;
use spin_sdk::mysql::{Error, ParameterValue};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

/// Asks the server for nothing. Unlike a query, it fails with the server's error.
const NOTHING: &str = "DO 0";

/// Has the server close this connection a second later. The handle stays, because none is dropped.
const CLOSE_SOON: &str = "SET SESSION wait_timeout = 1";

/// How often work is repeated that another statement was in the way of.
const MAX_CONTENDED: u32 = 3;

/// A statement on its way. It is boxed because it is large, and is awaited in many places.
pub(super) type Sending<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>;

/// A connection to a server.
pub(crate) trait Session: Send + Sync + 'static {
    /// Sends one statement and returns its rows.
    fn send<'a>(&'a self, sql: &'a str, parameters: &'a [ParameterValue]) -> Sending<'a>;
}

/// What to run. All of it must be safe to repeat.
pub(super) enum Work {
    /// One statement, and its parameters.
    Statement(&'static str, Vec<ParameterValue>),
    /// Statements that take effect together, without rows.
    Transaction(Vec<(&'static str, Vec<ParameterValue>)>),
}

/// Why an attempt failed.
struct Failed {
    error: DatabaseError,
    /// Another connection may do better.
    repeat: bool,
}

/// Runs work until `deadline`.
///
/// It is repeated on a new connection if the one that was kept is broken, or leads to a server that
/// is leaving.
pub(super) async fn run<C>(pool: &Arc<Pool<C>>, deadline: Instant, work: Work) -> Result<Vec<Row>, DatabaseError>
where
    C: Connect<Error = DatabaseError>,
    C::Connection: Session,
{
    let work = Arc::new(work);
    let mut repeated = false;
    loop {
        let shared = Arc::clone(&work);
        let attempt = pool.with(deadline, move |lease| async move { attempt(lease, deadline, &shared).await }).await;
        match (attempt?, &*work) {
            (Ok(rows), _) => return Ok(rows),
            // The first attempt, whose connection broke, had inserted the row.
            (Err(Failed { error: DatabaseError::Duplicate, .. }), Work::Statement(..)) if repeated => {
                return Ok(Vec::new());
            }
            (Err(Failed { repeat: true, .. }), _) => repeated = true,
            (Err(Failed { error, repeat: false }), _) => return Err(error),
        }
    }
}

async fn attempt<C>(lease: Lease<C>, deadline: Instant, work: &Work) -> Result<Vec<Row>, Failed>
where
    C: Connect,
    C::Connection: Session,
{
    let Some(connection) = lease.connection() else {
        return Err(Failed { error: DatabaseError::Unavailable("no connection".into()), repeat: false });
    };
    match send(connection, deadline, work).await {
        Ok(rows) => {
            lease.give_back();
            Ok(rows)
        }
        // Only a connection that was kept may be worse than a new one.
        Err(Failure::Connection(error)) => Err(Failed { error, repeat: lease.was_idle() }),
        Err(Failure::Leaving(error)) if lease.was_idle() && lease.may_exchange(instant()) => {
            // Where it fails, the server is closing the connection already.
            let _ = connection.send(CLOSE_SOON, &[]).await;
            Err(Failed { error, repeat: true })
        }
        Err(failure) => {
            lease.give_back();
            Err(Failed { error: failure.into_error(), repeat: false })
        }
    }
}

/// Sends work. If another statement was in the way, it is sent again while its caller still waits.
async fn send(connection: &impl Session, deadline: Instant, work: &Work) -> Result<Vec<Row>, Failure> {
    let mut repeats = 0;
    loop {
        let result = match work {
            Work::Statement(sql, parameters) => send_statement(connection, sql, parameters).await,
            Work::Transaction(statements) => send_transaction(connection, statements).await.map(|()| Vec::new()),
        };
        match result {
            Err(Failure::Contended(_)) if repeats < MAX_CONTENDED && instant() < deadline => repeats += 1,
            result => return result,
        }
    }
}

/// Sends one statement. If the host hides why it failed, the connection is tried.
async fn send_statement(
    connection: &impl Session,
    sql: &str,
    parameters: &[ParameterValue],
) -> Result<Vec<Row>, Failure> {
    let error = match connection.send(sql, parameters).await {
        Ok(rows) => return Ok(rows),
        Err(error) => error,
    };
    match translate(&error) {
        Failure::Hidden(error) => match connection.send(NOTHING, &[]).await {
            Ok(_) => Err(Failure::Statement(error)),
            Err(error) => Err(translate(&error)),
        },
        failure => Err(failure),
    }
}

async fn send_transaction(
    connection: &impl Session,
    statements: &[(&'static str, Vec<ParameterValue>)],
) -> Result<(), Failure> {
    let sending = async {
        connection.send("START TRANSACTION", &[]).await?;
        for (sql, parameters) in statements {
            connection.send(sql, parameters).await?;
        }
        connection.send("COMMIT", &[]).await
    };
    let Err(error) = sending.await else { return Ok(()) };
    let failure = translate(&error);
    if connection.send("ROLLBACK", &[]).await.is_ok() {
        return Err(failure);
    }
    // A connection whose transaction cannot be ended is not used again. The server ends the
    // transaction together with the connection.
    Err(Failure::Connection(failure.into_error()))
}

#[cfg(test)]
mod tests;
