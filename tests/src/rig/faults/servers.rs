//! A database and a cache that answer, and refuse.

use crate::rig::Rig;
use crate::servers::Servers;

#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// MariaDB refuses writes.
    ReadOnly,
    /// MariaDB refuses writes on the connections that are open, as a server that was demoted, and
    /// takes them on new ones, as the one that was promoted.
    Failover,
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
            Self::RefuseScripts => servers.redis_command("ACL SETUSER default -@scripting"),
            Self::OutOfMemory => servers.redis_command("CONFIG SET maxmemory 1"),
        }
    }

    pub(super) async fn end(self, rig: &mut Rig) {
        let servers = rig.pipeline.servers.clone();
        match self {
            Self::ReadOnly => read_only(rig, &servers, false).await,
            Self::Failover => {}
            Self::RefuseScripts => servers.redis_command("ACL SETUSER default +@scripting"),
            Self::OutOfMemory => servers.redis_command("CONFIG SET maxmemory 0"),
        }
    }
}

/// Lets new sessions of MariaDB be read-only or not, and closes the host's connections.
///
/// The host's account may write on a server that is `read_only`, so its sessions are made read-only.
async fn read_only(rig: &Rig, servers: &Servers, is_read_only: bool) {
    servers.execute(&format!("SET GLOBAL tx_read_only = {}", u8::from(is_read_only))).await;
    rig.pipeline.links().mariadb.close();
    if is_read_only {
        // Each instance of the components opens its connections again.
        let accepted = rig.pipeline.links().mariadb.accepted();
        while rig.pipeline.links().mariadb.accepted() < accepted + 4 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}
