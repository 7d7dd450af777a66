//! A database and a cache that answer, and refuse.

use crate::rig::Rig;
use crate::servers::Servers;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// MariaDB refuses writes.
    ReadOnly,
    /// MariaDB refuses writes on the connections that are open, as a server that was demoted, and
    /// takes them on new ones, as the one that was promoted.
    Failover,
    /// The server becomes read-only, and another one that has followed it takes its address over.
    Promote,
    /// The disk of MariaDB is full.
    FillDisk,
    /// Redis refuses scripts.
    RefuseScripts,
    /// Redis refuses writes.
    OutOfMemory,
}

impl Action {
    pub(super) async fn begin(self, rig: &mut Rig) {
        let servers = rig.pipeline.servers.clone();
        match self {
            Self::ReadOnly => read_only(rig, &servers, true).await,
            Self::Failover => {
                read_only(rig, &servers, true).await;
                // The sessions that the host has now stay read-only.
                servers.execute("SET GLOBAL tx_read_only = 0").await;
            }
            Self::Promote => {
                rig.pipeline.servers.mariadb = rig.databases.promote().await;
                let address = rig.pipeline.servers.mariadb.address();
                rig.pipeline.links().mariadb.retarget(address);
            }
            Self::FillDisk => rig.databases.fill(),
            Self::RefuseScripts => servers.redis_command("ACL SETUSER default -@scripting"),
            Self::OutOfMemory => servers.redis_command("CONFIG SET maxmemory 1"),
        }
    }

    pub(super) async fn end(self, rig: &mut Rig) {
        let servers = rig.pipeline.servers.clone();
        match self {
            Self::ReadOnly => read_only(rig, &servers, false).await,
            Self::Failover | Self::Promote => {}
            Self::FillDisk => rig.databases.free().await,
            Self::RefuseScripts => servers.redis_command("ACL SETUSER default +@scripting"),
            Self::OutOfMemory => servers.redis_command("CONFIG SET maxmemory 0"),
        }
    }
}

/// How long the host takes to open its connections again: it does so with the next check.
const RECONNECTED: Duration = Duration::from_secs(2);

/// Lets new sessions of MariaDB be read-only or not, and closes the host's connections.
///
/// The host's account may write on a server that is `read_only`, so its sessions are made read-only.
async fn read_only(rig: &Rig, servers: &Servers, is_read_only: bool) {
    servers.execute(&format!("SET GLOBAL tx_read_only = {}", u8::from(is_read_only))).await;
    if is_read_only {
        rig.pipeline.links().mariadb.close();
        tokio::time::sleep(RECONNECTED).await;
    }
}
