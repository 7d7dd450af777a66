//! The embedded database on a disk that is full for a while: nothing is answered without a record, and
//! the service recovers by itself.

use connectivity_tests::backend::On;
use connectivity_tests::check::{Scene, expect_problem};
use connectivity_tests::pipeline::until;
use connectivity_tests::small_disk::SmallDisk;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn the_service_recovers_when_a_full_disk_has_room_again() {
    let Some(disk) = SmallDisk::mount(8) else {
        eprintln!("SKIPPED: mounting a small file system needs root");
        return;
    };
    let (config, database) = (disk.path().join("runtime.toml"), disk.path().join("records.db"));
    let text = format!("[sqlite_database.default]\ntype = \"spin\"\npath = {:?}\n", database.display().to_string());
    fs::write(&config, text).expect("a file");
    let arguments = ["--runtime-config-file", &config.display().to_string()];
    let scene = Scene::with_arguments(On::Embedded, &[], &arguments).await;
    assert_eq!(scene.check("1000002").await.status, 200);
    let ready = async || scene.client.get(&scene.host.url("/health/ready")).await;
    assert_eq!(ready().await.status, 200);
    // The database has room in its own files for a while, and frees some when its last connection ends.
    until("no check can be recorded", async || {
        disk.fill();
        let answer = scene.check("1000004").await;
        if answer.status != 200 {
            expect_problem(&answer, 503, "storage-unavailable");
        }
        answer.status == 503
    })
    .await;
    until("the service is not ready", async || {
        disk.fill();
        ready().await.status == 503
    })
    .await;
    disk.free();
    until("checks are recorded again", async || scene.check("1000004").await.status == 200).await;
    until("the service is ready", async || ready().await.status == 200).await;
    let rows = scene.history("1000004").await;
    assert!(rows.iter().any(|row| row["status"] == "ELIGIBLE"), "{rows:?}");
}
