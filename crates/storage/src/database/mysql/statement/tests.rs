use super::*;
use crate::sql::Value;
use spin_sdk::mysql::MysqlError;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const INSERT: &str = "INSERT";

/// What a connection answers to one statement: nothing, or an error of the host.
type Reply = Result<(), MysqlError>;

/// A server with connections that were prepared, in the order in which they are opened. It keeps the
/// statements that it was sent, with the number of the connection.
#[derive(Default)]
struct FakeServer {
    connections: Mutex<VecDeque<Vec<Reply>>>,
    opened: Mutex<usize>,
    sent: Arc<Mutex<Vec<(usize, String)>>>,
}

struct FakeConnection {
    number: usize,
    replies: Mutex<VecDeque<Reply>>,
    sent: Arc<Mutex<Vec<(usize, String)>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connect for FakeServer {
    type Connection = FakeConnection;
    type Error = DatabaseError;

    async fn open(&self) -> Result<FakeConnection, DatabaseError> {
        let replies = lock(&self.connections).pop_front().ok_or(DatabaseError::Unavailable("refused".into()))?;
        let mut number = lock(&self.opened);
        *number += 1;
        Ok(FakeConnection { number: *number, replies: Mutex::new(replies.into()), sent: Arc::clone(&self.sent) })
    }
}

impl Session for FakeConnection {
    fn send<'a>(&'a self, sql: &'a str, _: &'a [ParameterValue]) -> Sending<'a> {
        lock(&self.sent).push((self.number, sql.to_owned()));
        let reply = lock(&self.replies).pop_front().expect("a prepared reply");
        let answer = reply.map(|()| vec![vec![Value::Integer(1)]]).map_err(Error::MysqlError);
        Box::pin(std::future::ready(answer))
    }
}

fn server(code: u32) -> Reply {
    Err(MysqlError::QueryFailed(format!("Server(ServerError {{ code: {code}, message: \"m\", state: \"s\" }})")))
}

fn broken() -> Reply {
    Err(MysqlError::QueryFailed("Io(Io(Os { code: 104 }))".into()))
}

fn hidden() -> Reply {
    Err(MysqlError::Other("async error: channel closed".into()))
}

type Answer = Result<Vec<Row>, DatabaseError>;

/// Runs statements one after the other on a pool of one connection. The first of them succeeds, so
/// that its connection is kept. Returns the answers of the others, and the statements that were sent
/// besides those of the first.
async fn run_on_kept(connections: &[&[Reply]], count: usize) -> (Vec<Answer>, Vec<(usize, String)>) {
    let mut prepared: VecDeque<Vec<Reply>> = connections.iter().map(|replies| replies.to_vec()).collect();
    prepared[0].insert(0, Ok(()));
    let pool = Pool::new(FakeServer { connections: Mutex::new(prepared), ..FakeServer::default() }, 1);
    let mut answers = Vec::new();
    for _ in 0..=count {
        let deadline = Instant::now() + Duration::from_secs(10);
        answers.push(run(&pool, deadline, Work::Statement(INSERT, Vec::new())).await);
    }
    answers.remove(0).expect("the first statement succeeds");
    let sent = lock(&pool.connector().sent)[1..].to_vec();
    (answers, sent)
}

fn sent(statements: &[(usize, &str)]) -> Vec<(usize, String)> {
    statements.iter().map(|(number, sql)| (*number, (*sql).to_owned())).collect()
}

#[tokio::test]
async fn broken_connection_is_replaced() {
    let (answers, statements) = run_on_kept(&[&[broken()], &[Ok(())]], 1).await;
    assert!(answers[0].is_ok());
    assert_eq!(statements, sent(&[(1, INSERT), (2, INSERT)]));
    // The first attempt had inserted the row.
    let (answers, _) = run_on_kept(&[&[broken()], &[server(1062)]], 1).await;
    assert_eq!(answers[0], Ok(Vec::new()));
}

#[tokio::test]
async fn new_connection_that_breaks_is_not_replaced_at_once() {
    let (answers, statements) = run_on_kept(&[&[broken()], &[broken()]], 1).await;
    assert!(matches!(answers[0], Err(DatabaseError::Unavailable(_))));
    assert_eq!(statements, sent(&[(1, INSERT), (2, INSERT)]));
}

#[tokio::test]
async fn connection_to_a_server_that_is_leaving_is_exchanged() {
    for code in [1290, 1792, 1836, 1047, 1053, 1927] {
        let (answers, statements) = run_on_kept(&[&[server(code), Ok(())], &[Ok(())]], 1).await;
        assert!(answers[0].is_ok(), "{code}");
        assert_eq!(statements, sent(&[(1, INSERT), (1, CLOSE_SOON), (2, INSERT)]));
    }
}

#[tokio::test]
async fn cluster_without_a_writer_does_not_use_up_connections() {
    let connections: [&[Reply]; 2] = [&[server(1290), Ok(())], &[server(1290), server(1290), server(1290)]];
    let (answers, statements) = run_on_kept(&connections, 3).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(DatabaseError::Unavailable(_)))), "{answers:?}");
    let expected = [(1, INSERT), (1, CLOSE_SOON), (2, INSERT), (2, INSERT), (2, INSERT)];
    assert_eq!(statements, sent(&expected), "no second exchange within a second");
}

#[tokio::test]
async fn statement_that_another_one_was_in_the_way_of_is_sent_again() {
    for code in [1205, 1213] {
        let (answers, statements) = run_on_kept(&[&[server(code), Ok(())]], 1).await;
        assert!(answers[0].is_ok(), "{code}");
        assert_eq!(statements, sent(&[(1, INSERT), (1, INSERT)]));
        // In the end it fails, and the connection is used for the next statement.
        let contended = [server(code), server(code), server(code), server(code), Ok(())];
        let (answers, _) = run_on_kept(&[&contended], 2).await;
        assert!(matches!(answers[..], [Err(DatabaseError::Unavailable(_)), Ok(_)]), "{answers:?}");
    }
}

/// Runs a transaction of one statement on a new connection, and returns what was sent.
async fn transaction(connections: &[&[Reply]]) -> (Answer, Vec<(usize, String)>) {
    let prepared = connections.iter().map(|replies| replies.to_vec()).collect();
    let pool = Pool::new(FakeServer { connections: Mutex::new(prepared), ..FakeServer::default() }, 1);
    let deadline = Instant::now() + Duration::from_secs(10);
    let answer = run(&pool, deadline, Work::Transaction(vec![(INSERT, Vec::new())])).await;
    (answer, lock(&pool.connector().sent).clone())
}

#[tokio::test]
async fn transaction_is_rolled_back_and_repeated_as_a_whole() {
    let (begin, commit, rollback) = ((1, "START TRANSACTION"), (1, "COMMIT"), (1, "ROLLBACK"));
    let whole = [begin, (1, INSERT), commit];
    assert_eq!(transaction(&[&[Ok(()), Ok(()), Ok(())]]).await, (Ok(Vec::new()), sent(&whole)));
    let deadlock = [Ok(()), server(1213), Ok(()), Ok(()), Ok(()), Ok(())];
    let expected = [&[begin, (1, INSERT), rollback], &whole[..]].concat();
    assert_eq!(transaction(&[&deadlock]).await, (Ok(Vec::new()), sent(&expected)));
    let (answer, statements) = transaction(&[&[Ok(()), server(1062), Ok(())]]).await;
    assert_eq!((answer, statements), (Err(DatabaseError::Duplicate), sent(&[begin, (1, INSERT), rollback])));
}

#[tokio::test]
async fn connection_whose_transaction_cannot_be_ended_is_not_used_again() {
    let prepared = [vec![Ok(()), server(1064), broken()], vec![Ok(())]];
    let pool = Pool::new(FakeServer { connections: Mutex::new(prepared.into()), ..FakeServer::default() }, 1);
    let deadline = Instant::now() + Duration::from_secs(10);
    let answer = run(&pool, deadline, Work::Transaction(vec![(INSERT, Vec::new())])).await;
    assert!(matches!(answer, Err(DatabaseError::Refused(_))), "{answer:?}");
    assert!(run(&pool, deadline, Work::Statement(INSERT, Vec::new())).await.is_ok());
    assert_eq!(*lock(&pool.connector().opened), 2);
}

#[tokio::test]
async fn duplicate_is_a_duplicate_unless_the_row_may_be_ours() {
    assert_eq!(run_on_kept(&[&[server(1062)]], 1).await.0, [Err(DatabaseError::Duplicate)]);
    // The statement that was rolled back inserted nothing.
    assert_eq!(run_on_kept(&[&[server(1213), server(1062)]], 1).await.0, [Err(DatabaseError::Duplicate)]);
}

#[tokio::test]
async fn hidden_cause_is_found_by_trying_the_connection() {
    // The statement was at fault: the connection is used again.
    let (answers, statements) = run_on_kept(&[&[hidden(), Ok(()), Ok(())]], 2).await;
    assert!(matches!(answers[..], [Err(DatabaseError::Unavailable(_)), Ok(_)]), "{answers:?}");
    assert_eq!(statements, sent(&[(1, INSERT), (1, NOTHING), (1, INSERT)]));
    // The connection was at fault, or its server.
    for fault in [broken(), server(1927)] {
        let (answers, _) = run_on_kept(&[&[hidden(), fault, Ok(())], &[Ok(())]], 1).await;
        assert!(answers[0].is_ok());
    }
}
