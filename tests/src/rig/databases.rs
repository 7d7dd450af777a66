//! The MariaDB servers of one application.

use crate::own::MariaDb;
use crate::servers::{Server, Servers};
use crate::small_disk::SmallDisk;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// The size of the small disk in megabytes: an empty MariaDB takes about half of it.
const DISK: u32 = 96;

/// How often a full disk is filled again, because the server frees something now and then.
const FILL_INTERVAL: Duration = Duration::from_millis(100);

/// Which MariaDB an application uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// That of `cargo xtask services start`.
    Shared,
    /// One with a small disk of its own.
    SmallDisk,
    /// One that another server follows.
    Replicated,
}

/// Servers of the application's own. They end on drop.
pub(super) struct Databases {
    own: Vec<MariaDb>,
    disk: Option<Arc<SmallDisk>>,
    filling: Option<JoinHandle<()>>,
}

impl Databases {
    /// Starts what the application needs. Returns why this is not possible here, if it is not.
    pub(super) async fn start(database: Database) -> Result<Self, &'static str> {
        let missing = "mariadb-install-db and mariadbd are not installed";
        let (mut own, mut disk) = (Vec::new(), None);
        match database {
            Database::Shared => {}
            Database::SmallDisk => {
                let mounted = SmallDisk::mount(DISK).ok_or("mounting a small file system needs root")?;
                own.push(MariaDb::start_in(mounted.path()).await.ok_or(missing)?);
                disk = Some(Arc::new(mounted));
            }
            Database::Replicated => {
                own.extend(MariaDb::replicated().await.ok_or(missing)?);
            }
        }
        Ok(Self { own, disk, filling: None })
    }

    /// Returns the servers that the application uses.
    pub(super) fn servers(&self) -> Servers {
        let mut servers = Servers::running();
        if let Some(own) = self.own.first() {
            servers.mariadb = own.server().clone();
        }
        servers
    }

    /// Makes the first server read-only, and returns the second one, which has the same records.
    pub(super) async fn promote(&self) -> Server {
        let [first, second] = self.own.as_slice() else { panic!("there is no second server") };
        second.promote(first).await;
        second.server().clone()
    }

    /// Keeps the disk full.
    pub(super) fn fill(&mut self) {
        let disk = Arc::clone(self.disk.as_ref().expect("a small disk"));
        disk.fill();
        self.filling = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(FILL_INTERVAL).await;
                disk.fill();
            }
        }));
    }

    /// Gives the disk its room back.
    pub(super) async fn free(&mut self) {
        if let Some(filling) = self.filling.take() {
            filling.abort();
            // It ends with an error, because it was aborted.
            let _ = filling.await;
        }
        self.disk.as_ref().expect("a small disk").free();
    }
}
