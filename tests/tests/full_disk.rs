//! The embedded database on a disk that is full for a while: nothing is answered without a record, and
//! the service recovers by itself.

use connectivity_tests::backend::On;
use connectivity_tests::check::{Scene, expect_problem};
use connectivity_tests::folder;
use connectivity_tests::pipeline::until;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A file system of 8 MB in memory. It is removed on drop.
struct SmallDisk(PathBuf);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because the host may have ended a moment ago only.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

impl SmallDisk {
    /// Returns `None` where mounting needs more rights (root).
    fn mount() -> Option<Self> {
        let disk = Self(folder::temporary());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&disk.0);
        mount.status().is_ok_and(|status| status.success()).then_some(disk)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Fills the disk to the last page.
    fn fill(&self) {
        use std::io::Write;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.ballast()).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_recovers_when_a_full_disk_has_room_again() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("SKIPPED: mounting a small file system needs root");
        return;
    };
    let (config, database) = (disk.0.join("runtime.toml"), disk.0.join("records.db"));
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
    fs::remove_file(disk.ballast()).expect("removed");
    until("checks are recorded again", async || scene.check("1000004").await.status == 200).await;
    until("the service is ready", async || ready().await.status == 200).await;
    let rows = scene.history("1000004").await;
    assert!(rows.iter().any(|row| row["status"] == "ELIGIBLE"), "{rows:?}");
}
