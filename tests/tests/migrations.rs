//! Migrations on a real MariaDB.

use connectivity_migrations::{create_database, migrate};
use connectivity_tests::servers::{Servers, USER};

async fn empty_database() -> String {
    let servers = Servers::running();
    let server = format!("mysql://{USER}:{}@{}", servers.mariadb.password, servers.mariadb.address());
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    create_database(&format!("{server}/mysql"), &name).await.expect("a new database");
    format!("{server}/{name}")
}

#[tokio::test]
async fn the_second_run_finds_nothing_to_do() {
    let url = empty_database().await;
    let all = ["affiliation_checks", "document_authentications", "access"];
    assert_eq!(migrate(&url).await.expect("the first run"), all);
    assert!(migrate(&url).await.expect("the second run").is_empty());
}

#[tokio::test]
async fn of_several_at_once_one_does_the_work() {
    let url = empty_database().await;
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { migrate(&url).await.expect("a run").len() })
        })
        .collect();
    let mut applied = 0;
    for run in runs {
        applied += run.await.expect("a run");
    }
    assert_eq!(applied, 3, "each step once");
}

#[tokio::test]
async fn an_address_without_a_database_is_refused() {
    for url in ["", "mysql://127.0.0.1:1", "http://127.0.0.1/x"] {
        assert!(migrate(url).await.is_err(), "{url}");
    }
}
